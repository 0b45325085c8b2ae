"""Particle swarms: their state, one step, and the engines that move them.

May import errors, inference, numerics, nn, objectives, update_rules and genome.

Start with swarm.py, whose `step` is the definition that every engine follows; then engines/.
"""
