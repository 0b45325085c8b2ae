# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Is my swarm better than another?
#
# A swarm draws random numbers, so two runs of one swarm differ, and one run of each says nothing.
# This page compares two variants with 25 seeds on five functions, and then asks what the numbers
# allow to say. Replace the variants and the functions by your own.
#
# It needs `pip install 'shoal[dashboard]'`, and takes about 20 seconds on two cores.

# %%
import os
from dataclasses import replace

import altair as alt
import numpy as np
import pandas as pd
from scipy import stats

import shoal

# A test runs this notebook with a small budget.
QUICK = os.environ.get("SHOAL_EXAMPLE") == "quick"
SEEDS = 6 if QUICK else 25
EVALUATIONS = 2_000 if QUICK else 10_000
DIMENSIONS = 10

# %% [markdown]
# ## 1. Decide before you look
#
# What is decided after the results are known can be decided in favour of the variant that one
# likes. So these stand first:
#
# - **The question**: does a falling inertia weight help the constriction swarm of Clerc and Kennedy
#   (2002)? A third swarm, the competitive one of Cheng and Jin (2015), is there for scale.
# - **The cost**: each run may evaluate the same number of points. Iterations do not compare: swarms
#   differ in size, and the competitive one moves half of its particles. Seconds depend on the
#   machine.
# - **The measure**: the decimal logarithm of the distance to the known minimum. Differences of
#   logarithms are ratios, and one bad run does not decide a mean.
# - **The test**: Wilcoxon's signed-rank test over seeds, for each function, with Holm's correction.
#   It does not assume normal errors.

# %%
constriction = shoal.named_genome("constriction")
SWARMS = {
    "constriction": constriction,
    "falling inertia": replace(constriction, inertia_end=0.5),
    "competitive": shoal.named_genome("function_competitive"),
}

# %% [markdown]
# The minimum must not lie in the middle of the box, where many variants are drawn by themselves.
# Each function has its own, and coordinates of the ellipsoid differ in scale.

# %%
rng = np.random.default_rng(2026)
shifts = rng.uniform(-3.0, 3.0, size=(5, DIMENSIONS))
scales = 10.0 ** np.linspace(0.0, 6.0, DIMENSIONS)


def sphere(x):
    return ((x - shifts[0]) ** 2).sum(axis=1)


def ellipsoid(x):
    return (scales * (x - shifts[1]) ** 2).sum(axis=1)


def rosenbrock(x):
    z = x - shifts[2] + 1.0
    return (100.0 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (1.0 - z[:, :-1]) ** 2).sum(axis=1)


def rastrigin(x):
    z = x - shifts[3]
    return (z**2 - 10.0 * np.cos(2.0 * np.pi * z) + 10.0).sum(axis=1)


def ackley(x):
    z = x - shifts[4]
    root = np.sqrt((z**2).mean(axis=1))
    waves = np.cos(2.0 * np.pi * z).mean(axis=1)
    return 20.0 + np.e - 20.0 * np.exp(-0.2 * root) - np.exp(waves)


FUNCTIONS = [sphere, ellipsoid, rosenbrock, rastrigin, ackley]

# %% [markdown]
# ## 2. Run all, and keep all
#
# Every run is kept, also those that went wrong. Equal seeds give equal bits, so anybody can repeat
# the table. Below 1e-12 the distance is rounding, so it counts as 1e-12.

# %%
bounds = [(-5.0, 5.0)] * DIMENSIONS
rows = []
for function in FUNCTIONS:
    for name, genome in SWARMS.items():
        moved = genome.swarm_size
        if genome.update_rule == "competitive":
            moved //= 2
        for seed in range(SEEDS):
            best = shoal.minimize(
                function,
                bounds,
                genome=genome,
                iterations=EVALUATIONS // moved,
                seed=seed,
                progress=False,
            )
            error = np.log10(max(best.fun, 1e-12))
            rows.append((function.__name__, name, seed, best.nfev, error))

runs = pd.DataFrame(rows, columns=["function", "swarm", "seed", "evaluations", "error"])
runs.groupby("swarm")["evaluations"].agg(["min", "max"])

# %% [markdown]
# The costs are equal within a few per cent, as was decided.
#
# ## 3. Look
#
# A point for each run. Look for runs that are far from the others of their kind: a median hides
# them, and a mean is made of them.

# %%
alt.Chart(runs).mark_point().encode(
    x=alt.X("error", title="log10 of the distance to the minimum"),
    y=alt.Y("swarm", title=None),
    color=alt.Color("swarm", legend=None),
    row=alt.Row("function", title=None),
)

# %%
runs.pivot_table(index="function", columns="swarm", values="error", aggfunc="median").round(2)

# %% [markdown]
# ## 4. One pair, function by function
#
# - `ratio` is how many times smaller the distance is with a falling inertia weight, as a median
#   over seeds, with a 95 % interval from 2,000 bootstrap samples of the seeds. Above 1 is better.
# - `wins` is the share of seeds in which it is better. It is the size of the effect: 0.5 is none.
# - `p` is corrected for five functions by Holm's method. Without a correction one of five tests
#   would be "significant" by chance in a quarter of all studies.


# %%
def holm(p_values):
    """P values after Holm's correction, in their order."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.maximum.accumulate(factors * np.asarray(p_values)[order])
    result = np.empty(len(p_values))
    result[order] = np.minimum(corrected, 1.0)
    return result


def compare(runs, new, reference, seed=0):
    """A row for each function: is `new` better than `reference`?"""
    resampling = np.random.default_rng(seed)
    rows = []
    for function, own in runs.groupby("function", sort=False):
        errors = own.pivot_table(index="seed", columns="swarm", values="error")
        gains = (errors[reference] - errors[new]).to_numpy()
        samples = np.median(resampling.choice(gains, (2_000, len(gains))), axis=1)
        low, high = np.quantile(samples, [0.025, 0.975])
        p = stats.wilcoxon(gains).pvalue if np.any(gains) else 1.0
        wins = (gains > 0).mean() + (gains == 0).mean() / 2
        rows.append((function, 10 ** np.median(gains), 10**low, 10**high, wins, p))

    table = pd.DataFrame(rows, columns=["function", "ratio", "low", "high", "wins", "p"])
    table["p"] = holm(table["p"])
    return table.set_index("function")


falling = compare(runs, "falling inertia", "constriction")
falling.style.format("{:.3g}")

# %% [markdown]
# Say what the table says, and no more: on which functions the interval lies on one side of 1, and
# how large the ratio is there. A large p does not show that two swarms are equal; the interval
# shows how different they may still be.
#
# ## 5. All swarms, over all functions
#
# Functions differ in scale, so ranks are compared: 1 is the best swarm of a function and seed. The
# test of Friedman takes a mean rank for each function, as seeds of one function are no new
# evidence about others. Five functions are few: it finds only large differences.

# %%
ranked = runs.assign(rank=runs.groupby(["function", "seed"])["error"].rank())
ranks = ranked.pivot_table(index="function", columns="swarm", values="rank")
friedman = stats.friedmanchisquare(*[ranks[name] for name in SWARMS])
print(f"Friedman's test over {len(ranks)} functions: p = {friedman.pvalue:.3f}")
ranks.round(2)

# %% [markdown]
# ## 6. Were there enough seeds?
#
# Draw five of the seeds again and again. How often would such a small study have named the other
# swarm as the better one?

# %%
FEW = 5
drawing = np.random.default_rng(1)
wrong = {}
for function, own in runs.groupby("function", sort=False):
    errors = own.pivot_table(index="seed", columns="swarm", values="error")
    gains = (errors["constriction"] - errors["falling inertia"]).to_numpy()
    small_studies = np.median(drawing.choice(gains, (2_000, FEW)), axis=1)
    wrong[function] = (np.sign(small_studies) != np.sign(np.median(gains))).mean()

small = pd.Series(wrong, name=f"wrong with {FEW} seeds")
small.to_frame().style.format("{:.0%}")

# %% [markdown]
# ## 7. What to write down
#
# - The versions (`shoal.__version__`), the seeds, and the budget in evaluations.
# - How parameters were chosen. A variant that was tuned on these functions and seeds needs others
#   for the comparison, and the reference has to be tuned with as much effort.
# - All functions that were tried, not only those where it helped.
# - Medians with intervals, wins, corrected p values, and the number of failed runs.
#
# For networks on a table or policies of a simulation, `shoal compare RUN RUN` makes a paired test
# of two searches, and `shoal splits RUN` repeats one on other splits of the rows.
