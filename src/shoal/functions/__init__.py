"""Functions of one's own, minimised by a swarm: `shoal.minimize` and `shoal.Swarm`.

May import errors, numerics, genome and pso.

Start with minimization.py, whose `minimize` calls the function; swarm.py is the same for those who
call it themselves. box.py, constraints.py and calls.py are what a function is given and asked.
"""
