"""What settings and options of data mean. Each text stands here once.

The command line, the page New run and the reference read it from here, and the fields of
`SearchSettings` carry it as their description. Nothing heavy is imported, so that ``shoal --help``
stays quick.
"""

from __future__ import annotations

from typing import NamedTuple


class Help(NamedTuple):
    """A setting in words.

    Attributes
    ----------
    short
        Begins a sentence. The command line adds names and defaults, which a form shows by itself.
    more
        Further sentences, for the reference.
    """

    short: str
    more: str = ""

    @property
    def description(self) -> str:
        """The whole of it, in sentences."""
        return f"{self.short}. {self.more}".rstrip()


SETTINGS = {
    "preset": Help(
        "Defaults of the settings that are not given",
        "`modern` or `classic` for tables. `simulation` and `function` follow by themselves.",
    ),
    "seed": Help(
        "Seed of all random numbers of the search", "The same seed gives the same result."
    ),
    "population": Help("Genomes in a generation", "8 for the simulation `lost-sales`."),
    "generations": Help(
        "Rounds of the genetic algorithm", "The budget. A finished run can be continued with more."
    ),
    "evaluations": Help("End after this many trainings", "Confirmations do not count."),
    "max_seconds": Help(
        "End after this many seconds of active time",
        "Trainings under way are finished first. Half of the time at most is for the confirmation "
        "and the champion, by the pace so far: with little time there are fewer finalists and "
        "confirmations, or none. The first trainings are made in any case.",
    ),
    "sampler": Help(
        "What proposes genomes",
        "`genetic`, `random`, `tpe`, `cmaes`, `optuna:CLASS` for any sampler of Optuna, or "
        "`package.module:ClassName` for one of your own.",
    ),
    "sampler_options": Help(
        "Keyword arguments of a sampler of Optuna or of your own", "`sampler_options.width = 64`."
    ),
    "sampler_sha256": Help(
        "Hash of the file of a sampler of your own",
        "Recorded by the run, which goes on with no other file.",
    ),
    "start": Help(
        "Named swarms in the first generation",
        "They are half of it at most, with each activation in turn. Names are those of "
        "`shoal.named_genome`.",
    ),
    "first_genomes": Help(
        "Genomes of your own in the first generation",
        "Up to `population` of them, with any sampler. They come first; `start` has half of the "
        "other places. Each has to lie within the bounds and choices of the search.",
    ),
    "mutation": Help("Probability that a gene of a child moves"),
    "crossover": Help("Probability that a child has two parents"),
    "elitism": Help("Genomes that are carried over unchanged"),
    "tournament": Help("Contenders for each parent"),
    "racing": Help(
        "How more trainings are spent on the better genomes",
        "`halving`: the better half is trained again, for longer. `t-race`: one more for all that "
        "are not significantly worse than the best. `fixed`: `repeats` more in each generation "
        "that a genome is in.",
    ),
    "repeats": Help("Trainings of a genome to begin with"),
    "max_repeats": Help("Trainings of a genome in the search at most"),
    "growth": Help(
        "How many times longer each rung trains than the one before",
        "With halving. A score is over the repeats of its last rung.",
    ),
    "iterations": Help(
        "Steps of a swarm in a training",
        "With halving, in one of the last rung. Simulations have 150, but lost-sales 50 and "
        "pendulum 300.",
    ),
    "equal_effort": Help(
        "Train all genomes for as many multiply-adds",
        "`iterations` are those of the default genome. Every other swarm and network makes as many "
        "as come to the same multiply-adds, at most eight times as many.",
    ),
    "training_seconds": Help(
        "End each training after this many seconds",
        "New results are then not reproducible bit for bit.",
    ),
    "patience": Help(
        "End a training that did not improve over this many iterations",
        "Trainings of another length have it in proportion. With `patience_on` at `validation` it "
        "is a fifth of `iterations` unless it is given.",
    ),
    "patience_on": Help(
        "Whose loss has to improve: `training`, or `validation`",
        "With `validation` the rows that validate are looked at up to 40 times a training, and the "
        "network with the smallest loss on them is kept. The score in the search is then the best "
        "of these looks, and so a little too good.",
    ),
    "min_improvement": Help("Improvement that patience waits for, as a share of the loss"),
    "finalists": Help(
        "Genomes that are confirmed after the search",
        "The best of each kind, then the second of each. A kind is an update rule and an "
        "activation, and with a solved output layer a size.",
    ),
    "incumbent": Help(
        "Confirm the first swarm of `start` in any case",
        "It is recommended unless another genome is better at the 95 % level.",
    ),
    "confirmations": Help(
        "Confirming repeats of each of the last two finalists at most",
        "All get one, the better half three, and so on, until one of the last two is better at the "
        "95 % level.",
    ),
    "final_factor": Help("How many times longer confirmations and the champion train"),
    "networks": Help(
        "Networks of the champion at most",
        "Not more than repeats confirmed it. Those of the classic preset are the ones that the "
        "search trained.",
    ),
    "ensemble": Help(
        "How the networks' predictions are combined",
        "`mean`, or `weighted` by the inverse of each one's validation error.",
    ),
    "baselines": Help("Fit other methods to the champion's rows at the end"),
    "scenarios": Help(
        "A simulation: scenarios in which each particle acts in an iteration",
        "`shoal run` and `shoal.search` take 4, for lost-sales 1.",
    ),
    "fresh_scenarios": Help(
        "A simulation: draw new scenarios in each iteration",
        "Personal bests are then evaluated anew, too.",
    ),
    "validation_scenarios": Help(
        "A simulation: unused scenarios on which a training's best positions are compared",
        "`shoal run` and `shoal.search` take 100, for lost-sales 20, for pendulum 200.",
    ),
    "test_scenarios": Help(
        "A simulation: scenarios on which the champion is tested, which nothing else meets",
        "`shoal run` and `shoal.search` take 20 times their `validation_scenarios`.",
    ),
    "steps": Help("A simulation: end a training after this many simulated steps"),
    "metric": Help(
        "What is selected and reported on",
        "`accuracy`, `mae`, `rmse`, `r2` (regression); `accuracy`, `balanced_accuracy`, "
        "`macro_f1`, `log_loss` (classification), any objective, or `file.py:NAME`. Without it: "
        "the objective's own metric, or the accuracy. A simulation has a metric of its own.",
    ),
    "loss": Help(
        "What swarms minimise, row by row",
        "`mse`, `mae`, `huber` (regression); `cross_entropy`, `zero_one` (classification); "
        "`negative_accuracy` (both). Without it: `mse` or `cross_entropy`.",
    ),
    "objective": Help(
        "What swarms optimise in place of a loss",
        'A name, `file.py:NAME`, or a table `{name = "top_share", share = 0.2}`, with '
        '`columns = {amount = "price"}` where the table has another name for a column that it '
        "needs: [Objectives](objectives.md).",
    ),
    "decoder": Help(
        "What networks positions of swarms stand for",
        "`sign`, `ternary`, `int8`, `scorecard`, `file.py:NAME`, or a table "
        '`{name = "scorecard", k = 5}`: [Scorecards](../how-to/scorecards.md). `scorecard` also '
        'means `max_depth = 0`, `networks = 1`, `objective = "balanced_accuracy"` and '
        '`encoding = "questions"`, unless they are given.',
    ),
    "start_from": Help(
        "The network that swarms start from",
        "Tables alone: `adam`, `lbfgs`, a folder that `shoal export` wrote, or a file of weights: "
        "[Scorecards](../how-to/scorecards.md#start-from-a-network).",
    ),
    "bounds": Help(
        "A gene's narrower bounds", "`bounds.swarm_size = [10, 40]`: [Genes](genes.md)."
    ),
    "choices": Help(
        "Allowed values of a categorical gene",
        '`choices.activation = ["relu", "tanh"]`. A run records those of every gene that it '
        "searches.",
    ),
    "extra_genes": Help(
        "Genes that are searched besides the usual ones",
        "Some of `weight_decay`, `inertia_end`, `velocity_end`, `update_rule`, `initialisation`, "
        "`readout`, `ridge`; or `attractor`, `activation` over all their values.",
    ),
    "max_depth": Help("Hidden layers at most", "0: none, a linear network."),
    "max_width": Help("Neurons of a hidden layer at most"),
    "deadline": Help(
        "Seconds after which a training counts as hanging and is ended",
        "It is tried three times, then it counts as failed.",
    ),
    "engine": Help(
        "What computes a training", "`cpu`, or `reference`: plain NumPy, slow, the definition."
    ),
    "executor": Help(
        "Where trainings run",
        "`local`: worker processes of this machine. `ray`, `dask`, `slurm`, `mpi`, `executorlib`: "
        "a cluster ([More than one machine](../how-to/cluster.md)), some with an address or "
        "options behind a colon, as `dask:tcp://HOST:PORT`; in Python also a pool of "
        "`concurrent.futures`. It never changes a result.",
    ),
    "workers": Help(
        "Worker processes",
        "Or tasks of a cluster at once, at most 1,000. Only as many start as there is work for. "
        "They never change a result.",
    ),
}

DATA = {
    "data": Help(
        "The table: `concrete`, or a CSV or Parquet file",
        "Of at most 256 MiB, and 1 GiB as a table (8 bytes a cell, and its texts).",
    ),
    "target": Help(
        "The column to predict, or several columns of numbers",
        'Several (`"a,b"` or a list) are predicted together, by one network.',
    ),
    "task": Help("`regression` or `classification`", "Without it: recognised by the target."),
    "test_fraction": Help("Share of the rows that nobody looks at before the end"),
    "validation_fraction": Help(
        "Share of the other rows that the search selects on",
        "0: none, it selects on the training rows. Not used with folds.",
    ),
    "folds": Help(
        "Validate on this many parts in turn; 1: on one",
        "The rows that are not test are cut into k parts. Repeat r of every genome trains on all "
        "but part r mod k and is scored on that one. It is 1 with the preset classic, with a "
        "`validation_fraction`, and where the rows make no 5 folds.",
    ),
    "log_columns": Help(
        "Features with a long tail as logarithms", "`auto`, or `none`: all as they are."
    ),
    "encoding": Help(
        "Inputs of networks: scaled values, or answers to yes/no questions",
        "`values` scales numbers. `questions` asks whether a number is greater than a quantile "
        "(10, 25, 50, 75, 90 %) of the training rows, whether a text is this one, whether a value "
        "is missing: 1 or 0. Modern only.",
    ),
    "drop": Help("Columns to leave out", '`"a,b"` or a list.'),
    "order": Help(
        "Rows are a series in the order of this column: the last ones test, later ones validate",
        "A column of numbers or dates. Modern only, without `group` and `same`.",
    ),
    "file_encoding": Help(
        "The CSV file's text encoding",
        'By a name that Python knows, such as `"cp1251"`. Without it: recognised, as UTF-8, UTF-16 '
        "or UTF-32 with a mark, or else Windows-1252 "
        "([Encodings](data.md#encodings)).",
    ),
    "group": Help("Rows with equal values stay in one part of the split; no feature"),
    "same": Help(
        "Features: rows that are equal in each of these (all) stay in one part",
        '`"a,b"`, a list, or `"all"`. The columns stay features.',
    ),
    "columns": Help(
        "Columns of numbers, no features, that stay with their rows for objectives",
        "On the command line `--role a=column`, or `--role a=NAME` for one that the objective "
        "calls NAME.",
    ),
    "weight": Help(
        "How much each row counts; the column is no feature",
        "Numbers of 0 or more. On the command line `--role w=weight`.",
    ),
    "data_seed": Help("Seed of the split"),
}

# Options of the data, by the names that forms use.
DROP = DATA["drop"].short
ORDER = DATA["order"].short
FILE_ENCODING = DATA["file_encoding"].short
GROUP = DATA["group"].short
SAME = DATA["same"].short
FOLDS = DATA["folds"].short
LOG_COLUMNS = DATA["log_columns"].short
ENCODING = DATA["encoding"].short
TARGET = DATA["target"].short
TEST_FRACTION = DATA["test_fraction"].short
WEIGHT = DATA["weight"].short
COLUMNS = DATA["columns"].short
DATA_SEED = DATA["data_seed"].short

# Settings of the search.
PRESET = SETTINGS["preset"].short
GENERATIONS = SETTINGS["generations"].short
POPULATION = SETTINGS["population"].short
SEED = SETTINGS["seed"].short
ITERATIONS = SETTINGS["iterations"].short
SAMPLER = SETTINGS["sampler"].short
FIRST_GENOMES = SETTINGS["first_genomes"].short
REPEATS = SETTINGS["repeats"].short
RACING = SETTINGS["racing"].short
METRIC = SETTINGS["metric"].short
LOSS = SETTINGS["loss"].short
OBJECTIVE = SETTINGS["objective"].short
DECODER = SETTINGS["decoder"].short
START_FROM = SETTINGS["start_from"].short
SCENARIOS = SETTINGS["scenarios"].short
STEPS = SETTINGS["steps"].short
EVALUATIONS = SETTINGS["evaluations"].short
MAX_SECONDS = SETTINGS["max_seconds"].short
TRAINING_SECONDS = SETTINGS["training_seconds"].description.removesuffix(".")
PATIENCE = SETTINGS["patience"].short
PATIENCE_ON = SETTINGS["patience_on"].short
WORKERS = SETTINGS["workers"].short
ENGINE = SETTINGS["engine"].short
EXECUTOR = SETTINGS["executor"].short
