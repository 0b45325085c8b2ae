# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which customers will leave?
#
# From a table to a model that is understood and used. The table is made up (`churn_table.py`):
# 2,000 customers with a number, a date, categories and missing cells. A quarter of them left.
#
# It needs `pip install 'shoal[dashboard]'` and takes about two minutes.
# `budget="default"` searches for longer.

# %%
import os

from churn_table import churn_table

import shoal

# A test runs this notebook with a small budget.
QUICK = os.environ.get("SHOAL_EXAMPLE") == "quick"
BUDGET = {"budget": "quick"}
ROWS = 2_000
if QUICK:
    BUDGET = {"population": 2, "generations": 1, "repeats": 2, "iterations": 10, "baselines": False}
    ROWS = 400

table = churn_table(ROWS)
table.head()

# %% [markdown]
# ## Check the table
#
# A search would refuse this table: the customer's number is different in each row.

# %%
shoal.check(table, "churned")

# %%
data = shoal.load_dataset(table, "churned", drop="customer_id")
data

# %% [markdown]
# ## Search
#
# A swarm trains each network, and a genetic algorithm looks for a good swarm and a good shape. A
# quarter of the customers left, so the share of right answers says little: "nobody leaves" has
# 75 %. The search selects by the area under the ROC curve.
#
# Every training is recorded: `shoal serve` shows the run while it goes on.

# %%
generations = []
result = shoal.search(
    data, name="churn", metric="roc_auc", seed=1, on_generation=generations.append, **BUDGET
)
result

# %%
result.plot.history()

# %%
result.plot.leaderboard()

# %% [markdown]
# The same genomes as a table, in the same order.

# %%
result.leaderboard()[["hidden_layers", "swarm_size", "activation", "score", "confirmed"]]

# %% [markdown]
# Other methods on the same test rows, which nothing was chosen by:

# %%
result.baselines()[["label", "score", "half", "ensemble"]]

# %% [markdown]
# Every training is a row of a table.

# %%
trainings = result.evaluations.to_frame()
trainings.groupby("hidden_layers")["score"].agg(["mean", "max", "count"])

# %% [markdown]
# ## What the model does
#
# What the score on the test rows loses when a column is shuffled, with 95 % intervals. The region
# says nothing. The date of signup and the tenure say the same, so they share their worth.

# %%
result.importance().to_frame()

# %%
result.plot.inputs()

# %%
calls = result.partial_dependence("support_calls")
calls.to_frame()

# %% [markdown]
# How it predicts the test rows. At a threshold of 0.25 it finds more of those who leave, and is
# wrong about more of those who stay.

# %%
diagnostics = result.diagnostics()
print(f"ROC AUC {diagnostics.roc_auc:.3f}")
diagnostics.per_class()

# %%
diagnostics.confusion(threshold=0.25)

# %% [markdown]
# ## Use it
#
# Customers of next month, of whom nobody knows yet whether they leave. The model reads the table as
# it is: missing cells, categories and the date are encoded as in training.

# %%
new = churn_table(rows=200, seed=8).drop(columns="churned")
predicted = result.predict_rows(new)
leaving = predicted.probabilities[:, predicted.classes.index("yes")]
result.predict(new)[:10]

# %% [markdown]
# Ten customers to call first, with the spread of the networks. `shoal export` writes the same model
# to a folder that runs without Shoal, and `shoal.load_model(FOLDER)` reads it.

# %%
calls_to_make = new.assign(probability=leaving, spread=predicted.spread)
calls_to_make.nlargest(10, "probability")
