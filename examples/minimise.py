# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Minimise a function
#
# `shoal.minimize` finds a low point of a function in a box with a particle swarm. It needs no
# gradient: the function may jump, have whole numbers, or be a program. A smooth function of a few
# coordinates is better left to `scipy.optimize.minimize`, which is quicker there.
#
# It needs `pip install 'shoal[dashboard]'`, and takes a few seconds.

# %%
import altair as alt
import numpy as np
import pandas as pd

import shoal

# %% [markdown]
# ## A function of points
#
# The function takes points (n, D), and returns a number for each. Rastrigin's has a low point in
# each cell of a grid: a method that only goes downhill ends in one of them.


# %%
def rastrigin(x):
    z = x - 1.5
    return (z**2 - 10.0 * np.cos(2.0 * np.pi * z) + 10.0).sum(axis=1)


best = shoal.minimize(rastrigin, bounds=[(-5.0, 5.0)] * 10, iterations=1500, seed=0)
best

# %% [markdown]
# The names are SciPy's: `x`, `fun`, `nfev`, `nit`, `success`, `message`. One run is one draw of
# chance, so look at several seeds.

# %%
histories = []
for seed in range(8):
    run = shoal.minimize(rastrigin, bounds=[(-5.0, 5.0)] * 10, iterations=1500, seed=seed)
    lines = pd.DataFrame({"best": run.history, "iteration": np.arange(run.nit), "seed": seed})
    histories.append(lines.iloc[::25])

alt.Chart(pd.concat(histories)).mark_line().encode(
    x="iteration", y=alt.Y("best", scale=alt.Scale(type="symlog")), color="seed:N"
)

# %% [markdown]
# ## Whole numbers and constraints
#
# A beam of wood, 4 m long, holds 5 kN in its middle. Boards of 24 mm are glued together: their
# number is whole. The stress must stay below 10 MPa, and the beam must not bend more than 1/300 of
# its length. Which is the lightest?

# %%
LENGTH, LOAD, BOARD = 4.0, 5_000.0, 0.024
STRENGTH, STIFFNESS, DENSITY = 10e6, 11e9, 450.0


def shape(x):
    """Height and width in metres, from boards and millimetres."""
    return BOARD * x[:, 0], x[:, 1] / 1000.0


def mass(x):
    height, width = shape(x)
    return DENSITY * LENGTH * height * width


def excess(x):
    """How much is too much, as a share: feasible where both are 0 or less."""
    height, width = shape(x)
    stress = 1.5 * LOAD * LENGTH / (width * height**2)
    bending = LOAD * LENGTH**3 / (4.0 * STIFFNESS * width * height**3)
    return np.column_stack([stress / STRENGTH - 1.0, 300.0 * bending / LENGTH - 1.0])


beam = shoal.minimize(
    mass, bounds=[(2, 12), (60, 200)], integers=[0], constraints=excess, iterations=400, seed=0
)
boards, width = beam.x
print(f"{boards:.0f} boards, {width:.1f} mm wide: {beam.fun:.1f} kg, feasible: {beam.maxcv == 0.0}")

# %% [markdown]
# Two coordinates can be tried out one by one, so the answer can be checked.

# %%
widths = np.linspace(60.0, 200.0, 14_001)
grid = np.column_stack([np.repeat(np.arange(2, 13), len(widths)), np.tile(widths, 11)])
feasible = grid[(excess(grid) <= 0.0).all(axis=1)]
lightest = feasible[np.argmin(mass(feasible))]
boards, width = lightest
print(f"by trying all: {boards:.0f} boards, {width:.1f} mm wide: {mass(feasible).min():.1f} kg")

# %% [markdown]
# ## In steps
#
# Where evaluations are done elsewhere, by hand or by another program, ask and tell. A swarm can be
# pickled between two steps, and goes on with the same bits.

# %%
swarm = shoal.Swarm(bounds=[(-5.0, 5.0)] * 10, seed=0)
for _ in range(200):
    points = swarm.ask()
    swarm.tell(rastrigin(points))

swarm.best.fun

# %% [markdown]
# `compare_swarms.py` asks whether one swarm is better than another;
# `shoal.search(shoal.FunctionProblem(f, bounds))` tunes a swarm for a function, and records it.
