# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An objective of your own
#
# A quarter of the customers in `churn_table.py` leave. An offer keeps some of them, and costs money
# for each customer who gets it. Who should get it? What counts is neither the share of right
# answers nor a likelihood, but euros, and the swarm optimises them as they are.
#
# The objective stands in `retention.py`, beside this notebook, as worker processes import it from
# there. This notebook needs `pip install 'shoal[dashboard]'`, and takes about a minute on two
# cores.

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd
import retention
from churn_table import churn_table

import shoal

# A test runs this notebook with a small budget.
QUICK = os.environ.get("SHOAL_EXAMPLE") == "quick"
BUDGET = {"budget": "quick"}
ROWS = 2_000
if QUICK:
    BUDGET = {"population": 2, "generations": 1, "repeats": 2, "iterations": 10, "baselines": False}
    ROWS = 400

print(Path(retention.__file__).read_text(encoding="utf-8"))

# %% [markdown]
# `decision` has a row for each network and a column for each customer: 1 for those whom the network
# takes for the second class, `yes`. `y` is 1 for customers who left. `amount` is a column of the
# table that is handed to the objective. Networks do not see that column, so the price stands in the
# table twice.

# %%
table = churn_table(ROWS)
table["amount"] = table["monthly_charge"]
data = shoal.load_dataset(table, "churned", drop="customer_id", columns=("amount",))
data

# %% [markdown]
# ## Two rules of thumb
#
# No network is needed to make no offer, or one to everybody. An objective is worth optimising where
# such rules are bad.

# %%
everybody = np.ones((1, len(table)))
leaves = (table["churned"] == "yes").to_numpy(float)
to_all = retention.saved(everybody, leaves, table["amount"].to_numpy())[0]
print(f"no offers: 0.00 EUR a customer; an offer to everybody: {to_all:.2f}")

# %% [markdown]
# ## Search for euros

# %%
for_money = shoal.search(data, name="euros", objective=retention.saved, seed=1, **BUDGET)
for_money

# %%
for_money.baselines()[["label", "score", "half", "ensemble"]]

# %% [markdown]
# Look at the rivals before you believe in it. They learned probabilities, and the page scores them
# by euros, too. Where they are as good, their way is simpler.
#
# ## The same with a likelihood
#
# Here the swarm optimises the cross-entropy, and the search still chooses by euros.

# %%
likely = shoal.search(
    data, name="likelihood", loss="cross_entropy", metric=retention.saved, seed=1, **BUDGET
)

# %%
scores = {
    "objective: euros": for_money.champion.ensemble.test["saved"],
    "loss: cross-entropy": likely.champion.ensemble.test["saved"],
}
pd.Series(scores, name="EUR a customer, test rows").to_frame().round(2)

# %% [markdown]
# One split of the rows with a few hundred customers says little about small differences:
# `shoal splits RUN` repeats a champion and its rivals on other splits, with an interval.
#
# ## Who gets the offer?

# %%
new = churn_table(rows=200, seed=8).drop(columns="churned")
new["amount"] = new["monthly_charge"]
offers = new[for_money.predict(new) == "yes"]
print(f"{len(offers)} of {len(new)} customers get an offer")
offers.head()
