# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first search
#
# From a table to a network that predicts: a particle swarm finds the weights of each network, and a
# genetic algorithm looks for a good swarm and a good shape. The table is one that comes with Shoal:
# 1,030 samples of concrete, their ingredients and age, and their strength in MPa.
#
# It needs `pip install 'shoal[dashboard]'`, and takes about a minute on two cores.

# %%
import os

import shoal

# A test runs this notebook with a small budget.
QUICK = os.environ.get("SHOAL_EXAMPLE") == "quick"
BUDGET = {"budget": "quick"}
if QUICK:
    BUDGET = {"population": 2, "generations": 1, "repeats": 2, "iterations": 20}

data = shoal.load_dataset("concrete")
data

# %% [markdown]
# Your own table is a DataFrame or a file, and the name of the column to predict:
# `shoal.load_dataset("table.csv", "price")`. `shoal.check("table.csv", "price")` says what is odd
# about it, before anything is trained.
#
# ## One swarm
#
# A genome describes a swarm and a network. This one has 64 hidden neurons, and the weights of its
# output layer are solved by least squares. The swarm moves the others.

# %%
genome = shoal.named_genome("solved")
genome

# %%
trained = shoal.train(data, genome, iterations=20 if QUICK else 300, seed=0)
test = trained.scores.test
print(f"mean absolute error {test.mae:.2f} MPa, R2 {test.r2:.3f}, {trained.seconds:.1f} s")

# %% [markdown]
# Equal seeds give equal bits, on any number of cores.
#
# ## A search
#
# Which swarm, and which shape, is best for this table? Each generation trains a few genomes for a
# short time, keeps the better half, and trains these for longer. The best are then trained anew on
# random numbers that nothing was chosen by. All trainings are recorded: `shoal serve` shows the run
# while it goes on, and one that was interrupted goes on where it was.

# %%
result = shoal.search(data, name="first search", seed=0, **BUDGET)
result

# %%
result.plot.history()

# %%
result.leaderboard(5)[["hidden_layers", "swarm_size", "activation", "score", "confirmed"]]

# %% [markdown]
# The champion's networks, and other methods, on the test rows. Nothing was chosen by these rows.
# `ensemble` is the score of several networks' mean prediction.

# %%
result.baselines()[["label", "score", "half", "ensemble"]]

# %% [markdown]
# ## Use it
#
# The model reads rows as they are in the table: a DataFrame, or the name of a CSV file.

# %%
mixtures = {
    "cement": [300, 500],
    "blast_furnace_slag": [100, 0],
    "fly_ash": [0, 0],
    "water": [180, 170],
    "superplasticizer": [5, 10],
    "coarse_aggregate": [1000, 950],
    "fine_aggregate": [750, 800],
    "age": [28, 28],
}
result.predict(mixtures)

# %% [markdown]
# `result.export("model")` writes a folder with the weights, every training, a report, and a program
# that needs NumPy alone. `shoal.load_run(result.run.id)` gives the same result tomorrow.
#
# The notebook `predictions.py` goes on with what the model does; `compare_swarms.py` with the
# question whether one swarm is better than another.
