"""What belongs to one visitor: who they are, what they read, command and draft.

May import `auth`, `store`, `analysis`, `orchestration`, `data`, and the charts' data. Start with
`queries` (what pages read) and `commands` (the only place that writes).
"""
