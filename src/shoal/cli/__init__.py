"""The command `shoal`: it parses, queues, shows and exports, and never trains itself.

May import everything below it: presentation, export, analysis, replay, auth, orchestration, store
and what these rest on; of the dashboard only what starts its process.
Start reading in `main`, then `follow` (a run in the terminal) and `tables` (what is printed).
"""
