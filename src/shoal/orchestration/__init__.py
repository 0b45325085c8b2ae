"""A run's life: checked, handed to a supervisor process, driven to its end, reported.

May import `store`, `executors`, `tuning`, `problems`, `data`, `settings`, `system` and what stands
below these; no page and no command line.
Start reading with `runner`, which drives one run; `supervisor` is the process around it, and
`launcher` starts that.
"""
