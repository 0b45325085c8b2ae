"""What the terminal, the dashboard, exported reports and notebooks show in the same way.

May import: errors, system, numerics, genome, pso, settings, store, analysis, replay.
Start reading in `formatting` (text), then `palette` (colours) and `swarm_scene` (what is drawn of
a swarm).
"""
