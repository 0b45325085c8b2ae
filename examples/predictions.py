# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Predictions, and why
#
# How sure is a prediction, which columns does the model need, and what does it do with them? The
# model is a search's champion: several networks that were trained on the same rows from other
# random numbers, and whose mean predicts. The table is that of `first_search.py`.
#
# It needs `pip install 'shoal[dashboard]'`, and takes about a minute on two cores.

# %%
import os

import altair as alt
import numpy as np
import pandas as pd

import shoal

# A test runs this notebook with a small budget.
QUICK = os.environ.get("SHOAL_EXAMPLE") == "quick"
BUDGET = {"budget": "quick"}
if QUICK:
    BUDGET = {"population": 2, "generations": 1, "repeats": 2, "iterations": 20}

data = shoal.load_dataset("concrete")
result = shoal.search(data, name="predictions", seed=0, baselines=False, **BUDGET)
result

# %% [markdown]
# ## How wrong is it?
#
# Measured on the test rows, which nothing was chosen by, in the unit of the target.

# %%
result.diagnostics().to_frame()

# %% [markdown]
# ## How sure is one prediction?
#
# `spread` is the standard deviation over the networks. It says how much they disagree, which grows
# far away from all rows of training. It is not the error: what all networks get wrong alike does
# not show in it, and neither does chance in the target.

# %%
usual = {
    "cement": 300,
    "blast_furnace_slag": 100,
    "fly_ash": 0,
    "water": 180,
    "superplasticizer": 5,
    "coarse_aggregate": 1000,
    "fine_aggregate": 750,
    "age": 28,
}
cases = pd.DataFrame([usual, {**usual, "cement": 900}, {**usual, "age": None}])
answer = result.predict_rows(cases)
cases.assign(predicted=answer.values, spread=answer.spread)

# %% [markdown]
# The second mixture has more cement than any in the table. The third has a missing cell, which no
# row of training had: `predict` warns of that, and takes the cell as the median of training.
#
# ## Which columns does it need?
#
# What the score loses when the values of one column are shuffled, with 95 % intervals over networks
# and shuffles. Columns that say the same share their worth: look at two such columns together
# before you drop one.

# %%
result.importance().to_frame()

# %%
result.plot.inputs()

# %% [markdown]
# ## What does it do with a column?
#
# The mean prediction when all test rows get the same age, and the predictions of some single rows.
# Lines that are not parallel show that age works differently in different mixtures.

# %%
age = result.partial_dependence("age")
age.to_frame().head()

# %%
lines = []
for number, values in enumerate(age.individual[:30, :, 0]):
    lines.append(pd.DataFrame({"age": age.values, "strength": values, "row": number}))

single = alt.Chart(pd.concat(lines)).mark_line(opacity=0.25)
mean = pd.DataFrame({"age": age.values, "strength": age.average[:, 0]})
mean_line = alt.Chart(mean).mark_line(color="black", strokeWidth=3)

single = single.encode(x="age", y="strength", detail="row:N")
single + mean_line.encode(x="age", y="strength")

# %% [markdown]
# This is what the model does, and not what concrete does. Where mixtures were chosen by people,
# columns depend on each other, and a shuffled row may be one that nobody would mix.
#
# ## The same model elsewhere
#
# An export is a folder. `predict.py` in it needs NumPy alone; `shoal.load_model` reads it, too, and
# both give the same numbers.

# %%
folder = result.export("concrete-model", force=True)
model = shoal.load_model(folder)
np.array_equal(model.predict(cases[:2]), answer.values[:2])
