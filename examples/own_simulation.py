# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A simulation of your own
#
# A bakery decides each evening how much to bake for the next day. What is not sold is thrown away.
# Nobody can differentiate the profit, as loaves are whole and customers come by chance; a swarm
# needs no gradient. The network is the policy: it sees yesterday's sales and whether tomorrow is at
# a weekend, and answers with a number of loaves.
#
# The simulation stands in `bakery.py`, beside this notebook, as worker processes import it from
# there. This notebook needs `pip install 'shoal[dashboard]'`, and takes about a minute on two
# cores.

# %%
import os
from pathlib import Path

import altair as alt
import bakery
import numpy as np
import pandas as pd
from scipy import stats

import shoal

# A test runs this notebook with a small budget.
QUICK = os.environ.get("SHOAL_EXAMPLE") == "quick"
BUDGET = {"generations": 3, "population": 6, "iterations": 150}
if QUICK:
    BUDGET = {
        "generations": 1,
        "population": 2,
        "repeats": 2,
        "iterations": 40,
        "finalists": 1,
        "confirmations": 2,
        "final_factor": 1,
    }

print(Path(bakery.__file__).read_text(encoding="utf-8"))

# %% [markdown]
# The simulation draws all its random numbers from `scenario`. So all policies of a swarm meet the
# same customers, and luck does not decide between them.
#
# ## Search
#
# A loaf costs 1 and is sold for 3, so costs below 0 are a profit. Smaller is better.

# %%
simulation = bakery.bakery
result = shoal.search(simulation, seed=0, **BUDGET)
result

# %% [markdown]
# The ± of the test is over scenarios that nothing was chosen by.

# %%
result.plot.history()

# %% [markdown]
# ## What does the policy do?
#
# `result.policy.act` answers as the network does in the simulation. Here is what it bakes for all
# sales of yesterday.

# %%
policy = result.policy
sales = np.arange(0, 41)
rows = []
for weekend in (0.0, 1.0):
    seen = np.column_stack([sales / 20.0 - 1.0, np.full(len(sales), weekend)])
    baked = np.floor(np.clip(20.0 + 10.0 * policy.act(seen)[:, 0], 0.0, 60.0))
    day = "at a weekend" if weekend else "on a weekday"
    rows.append(pd.DataFrame({"sold yesterday": sales, "baked": baked, "day": day}))

orders = pd.concat(rows)
alt.Chart(orders).mark_line(interpolate="step").encode(x="sold yesterday", y="baked", color="day")

# %% [markdown]
# ## Is it good?
#
# Here the best policy is known. Customers of one day say nothing about those of the next, so the
# best number of loaves is the same each weekday: the quantile (3 - 1) / 3 of the customers. Most
# simulations have no such formula, but they have a rule of thumb to compare with.

# %%
PRICE, COST = 3.0, 1.0


def expected_cost(baked, rate):
    """Mean cost of a day on which `baked` loaves meet Poisson customers."""
    customers = np.arange(200)
    sold = np.minimum(baked, customers) @ stats.poisson.pmf(customers, rate)
    return COST * baked - PRICE * sold


share = (PRICE - COST) / PRICE
best = {rate: stats.poisson.ppf(share, rate) for rate in (20.0, 32.0)}
least = (5 * expected_cost(best[20.0], 20.0) + 2 * expected_cost(best[32.0], 32.0)) / 7
found = result.champion.ensemble.test["score"]
print(f"best: {best[20.0]:.0f} loaves on weekdays, {best[32.0]:.0f} at weekends")
print(f"cost a day: {least:.2f} at best, {found:.2f} by the policy that was found")

# %% [markdown]
# ## Take it along
#
# `result.export("shop")` writes `policy.py`, which needs NumPy alone, and `shoal play shop` lets
# the policy act in its simulation again.

# %%
folder = result.export("shop", force=True)
shoal.load_policy(folder).act([0.0, 1.0])
