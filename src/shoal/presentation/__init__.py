"""What the terminal, the dashboard and exported reports show in the same way.

May import: errors, system, numerics, genome, pso, settings, store, replay.
Start reading in `formatting` (text), then `palette` (colours) and `swarm_scene` (what is drawn of
a swarm).
"""
