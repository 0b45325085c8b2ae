"""What the words mean that pages, reports and documents use: one entry a word.

Pages explain a label by `explanation`. docs/concepts/glossary.md is `as_markdown` to the
letter, which a test checks; the page Help lists the same.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Entry:
    """A word and its meaning.

    Attributes
    ----------
    word
        The word, in the singular and in small letters unless it is a name.
    meaning
        One sentence or two, for a reader who knows tables and models, but no particle swarms.
    labels
        Other texts that stand for it on pages, such as heads of columns.
    """

    word: str
    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Words that belong together.

    Attributes
    ----------
    title
        What they are about.
    entries
        The words, in an order in which they can be read.
    """

    title: str
    entries: tuple[Entry, ...]


SECTIONS = (
    Section(
        "The search",
        (
            Entry(
                "run",
                "One search: a problem, settings, a seed and a budget. Everything that it trains "
                "is recorded under its number.",
            ),
            Entry(
                "genome",
                "The settings of one swarm and the shape of the network that it trains. "
                "The search looks for the best genome.",
            ),
            Entry("gene", "One value of a genome, such as the swarm's size or the activation."),
            Entry(
                "individual",
                "A genome's place in a generation, counted from 1 and in records from 0. A genome "
                "may have several.",
                ("Individuals",),
            ),
            Entry("population", "The genomes of one generation, and how many they are."),
            Entry(
                "generation",
                "One round of the genetic search: its genomes are trained, and the best become "
                "parents of the next round.",
                ("Born in",),
            ),
            Entry(
                "repeat",
                "One training of a genome, numbered from 0, with random numbers and a fold of its "
                "own. Repeat 3 has the same ones for every genome, so genomes are compared fairly.",
                ("Best repeats", "n"),
            ),
            Entry(
                "training",
                "One swarm that looks for one network's weights, from its start to its end.",
                ("Training time",),
            ),
            Entry("evaluation", "The record of one repeat: genome, scores, loss curve and time."),
            Entry(
                "race",
                "How repeats are spent: genomes that look good are trained more often, the others "
                "drop out.",
                ("Racing",),
            ),
            Entry(
                "halving",
                "A race in which the better half of the genomes goes on after each rung.",
            ),
            Entry(
                "rung",
                "One step of a race. Each rung has more repeats than the one before, and usually "
                "longer ones.",
            ),
            Entry(
                "finalist", "A genome that is confirmed after the search, as it was among the best."
            ),
            Entry(
                "confirmation",
                "Trainings after the search, on random streams that nothing was selected on. "
                "Their mean is an honest score, while the search's own is flattered by selection.",
                ("Confirmed", "Confirmations"),
            ),
            Entry(
                "champion",
                "The genome that a run recommends, with its trained networks. "
                "They are the model that you download.",
            ),
            Entry("leader", "The genome with the best score in the search so far."),
            Entry("leaderboard", "The best genomes of a run, in the order in which it ranks them."),
            Entry("sampler", "What proposes genomes: a genetic algorithm, chance, TPE or CMA-ES."),
            Entry("elitism", "Individuals that go into the next generation unchanged."),
            Entry("mutation", "A random change of a child's gene."),
            Entry("crossover", "A child takes genes from two parents."),
            Entry(
                "bounds",
                "The smallest and the largest value that the search may give a gene.",
                ("Bound", "Lowest", "Highest"),
            ),
            Entry(
                "preset",
                "A set of defaults: modern for tables, classic as in the first version, "
                "and one each for simulations and functions.",
            ),
            Entry("budget", "How much a run may spend: generations, trainings or seconds."),
            Entry(
                "seed",
                "The number from which all random numbers follow. The same data, settings and "
                "seed give the same result to the bit.",
            ),
            Entry(
                "random stream",
                "A sequence of random numbers that a training draws from. "
                "An unused stream is one that the search never saw.",
                ("stream", "unused stream", "unused streams"),
            ),
            Entry(
                "supervisor",
                "The process that drives runs: it hands out trainings and records what they give.",
                ("Supervisors", "Serves", "Works on"),
            ),
            Entry("worker", "A process that trains, usually one for each core.", ("Workers",)),
            Entry(
                "executor",
                "Where workers are: on this machine, or in a cluster, as Ray's or Dask's.",
            ),
            Entry("heartbeat", "When a supervisor last showed that it is alive."),
            Entry("queue", "Runs that wait for a supervisor, the oldest first."),
            Entry(
                "store",
                "The database with all runs. Closing a browser or killing a process loses nothing "
                "of it.",
            ),
            Entry(
                "replay",
                "A recorded training, trained again. It ends with the same scores to the bit.",
            ),
        ),
    ),
    Section(
        "Scores",
        (
            Entry(
                "metric",
                "What the search selects, confirms and reports on. It has a unit, and larger or "
                "smaller values are better.",
            ),
            Entry("score", "A value of the metric, in its unit."),
            Entry(
                "accuracy",
                "The usual metric of tables. Classes: percent of rows that are right. "
                "Numbers: 100 (1 - MAE / mean|y|), in percent.",
            ),
            Entry(
                "loss",
                "What a training makes as small as it can. It need not be the metric.",
            ),
            Entry(
                "interval",
                "The 95 % interval: where the true mean lies, in 95 of 100 such cases. "
                "± is half of its width.",
                ("±", "95 %", "95 % interval"),
            ),
            Entry(
                "best minus mean",
                "By how much the best repeat is better than the mean of all. A large value says "
                "that a single good training tells little.",
                ("Best - mean", "Best − mean"),
            ),
            Entry(
                "percentage points",
                "The difference of two percentages: from 70 % to 77 % are 7 percentage points.",
                ("pp",),
            ),
            Entry(
                "baseline",
                "Another method on the same rows, such as a constant, a linear model or gradient "
                "boosting.",
                ("Baselines",),
            ),
            Entry(
                "R²",
                "The share of the variance that a model explains: 1 is all, 0 is no more than the "
                "mean, below 0 is worse than the mean.",
                ("R2",),
            ),
            Entry("MAE", "Mean absolute error: the mean distance of prediction and truth."),
            Entry("RMSE", "Root of the mean squared error. Large errors count more than in MAE."),
            Entry("log loss", "How wrong stated probabilities are: 0 is perfect."),
            Entry(
                "F1",
                "The harmonic mean of precision and recall. Macro F1 is its mean over the classes.",
                ("Macro F1",),
            ),
            Entry("precision", "Of the rows that were called a class, the share that is of it."),
            Entry("recall", "Of the rows of a class, the share that was found."),
            Entry(
                "balanced accuracy", "The mean of all classes' recalls: each class counts alike."
            ),
            Entry(
                "AUC",
                "The area under a curve. Of the ROC curve: how often a row of the class gets a "
                "higher probability than one of the other. 0.5 is chance.",
                ("ROC AUC",),
            ),
            Entry(
                "calibration",
                "Whether probabilities mean what they say: of rows with 70 %, seven in ten are "
                "of the class.",
            ),
            Entry("threshold", "The probability from which on a row is called the positive class."),
            Entry(
                "confusion matrix", "A table of true classes against predicted ones, with counts."
            ),
            Entry("residual", "The truth minus the prediction."),
            Entry(
                "importance",
                "What predictions lose when one input or gene is shuffled. It says what a model "
                "relies on, not what causes what.",
            ),
            Entry(
                "partial dependence",
                "The mean prediction when one input is set to a value and all others are left.",
            ),
        ),
    ),
    Section(
        "Data and networks",
        (
            Entry("target", "The column that is predicted."),
            Entry("input", "A column that predictions are made from.", ("feature",)),
            Entry(
                "fold",
                "One of the parts of the training rows. Each repeat validates on another fold.",
                ("Folds",),
            ),
            Entry(
                "test rows",
                "Rows that nothing looks at before the champion is known.",
                ("Test", "test part"),
            ),
            Entry(
                "validation",
                "Rows that were not trained on, by which genomes are compared.",
                ("validation rows",),
            ),
            Entry(
                "ensemble",
                "The champion's networks together: the mean of their predictions. "
                "It is what you download.",
            ),
            Entry(
                "single networks",
                "The mean score of the champion's networks, one by one.",
                ("single network",),
            ),
            Entry(
                "objective",
                "What swarms optimise in place of a loss, also where it has no gradient.",
            ),
            Entry("decoder", "How positions of particles become a network's weights."),
            Entry("scorecard", "A model with whole points a question, to add up by hand."),
            Entry(
                "policy",
                "A network that decides in a simulation: it maps observations to actions.",
            ),
            Entry("episode", "One pass of a policy through a simulated scenario."),
            Entry("scenario", "One course of a simulation's random events."),
        ),
    ),
    Section(
        "The swarm",
        (
            Entry(
                "particle swarm",
                "Many candidate solutions that move, drawn towards their own best and that of "
                "others. It needs no gradients.",
                ("swarm", "PSO"),
            ),
            Entry("particle", "One candidate of a swarm: the weights of a whole network."),
            Entry(
                "iteration",
                "One step of a swarm: all particles are evaluated once, then moved.",
            ),
            Entry("personal best", "The best place that a particle has been at."),
            Entry("global best", "The best place that any particle has been at."),
            Entry(
                "informant",
                "Another particle whose best place a particle knows.",
            ),
            Entry("diversity", "Mean distance of the particles from their centre."),
            Entry("speed", "Mean absolute velocity of a weight."),
            Entry("stagnation", "Iterations since the global best last improved."),
            Entry(
                "velocity limit",
                "The share of weights that move as fast as they may.",
                ("At velocity limit",),
            ),
            Entry(
                "position limit",
                "The share of weights that are as large as they may be.",
                ("At position limit",),
            ),
            Entry(
                "stability margin",
                "How far inside the region of stable swarms a swarm moves at first. "
                "Positive: it contracts. Negative: it explodes until its limits hold it.",
                ("Stability",),
            ),
        ),
    ),
    Section(
        "Genes",
        (
            Entry("swarm size", "Particles of the swarm."),
            Entry(
                "number of informants",
                "How many others a particle knows.",
                ("Informants a particle",),
            ),
            Entry("inertia weight", "How much of its velocity a particle keeps at each step."),
            Entry("cognitive weight", "How strongly a particle is drawn to its personal best."),
            Entry(
                "social weight", "How strongly a particle is drawn to its best informant's best."
            ),
            Entry("global best weight", "How strongly a particle is drawn to the global best."),
            Entry("jump size", "What a velocity is multiplied by to make a step."),
            Entry("max velocity", "The largest velocity of a weight, either way."),
            Entry("max position", "The largest absolute value of a weight."),
            Entry(
                "position scale",
                "How widely weights and biases are spread at the start: weight scale / bias scale.",
            ),
            Entry("weight scale", "How widely weights are spread at the start."),
            Entry("bias scale", "How widely biases are spread at the start."),
            Entry("weight decay", "A penalty on large weights, as a part of the loss."),
            Entry("inertia at the end", "The inertia weight's share that is left at the end."),
            Entry("max velocity at the end", "The share of max velocity that is left at the end."),
            Entry(
                "ridge",
                "How strongly large weights are penalised when the output layer is solved by least "
                "squares.",
            ),
            Entry(
                "readout",
                "How the output layer is found: searched by the swarm, or solved by least squares "
                "on the hidden neurons.",
                ("Output layer",),
            ),
            Entry(
                "topology",
                "The widths of the network's layers, from inputs to outputs.",
                ("Layers", "Hidden layers"),
            ),
            Entry(
                "update rule",
                "How particles move: informed (by informants) or competitive (losers of pairs "
                "learn from winners).",
                ("Rule",),
            ),
            Entry("activation", "The function that a hidden neuron applies to its sum."),
            Entry(
                "informant strategy",
                "How a particle's informants are chosen: random, nearest, ring or rewired.",
                ("Informants",),
            ),
            Entry(
                "attractor",
                "What an informant shares: its personal best, or where it stands now.",
            ),
            Entry(
                "initialisation",
                "How the first weights are drawn: plain, or smaller where a neuron has more "
                "inputs (fan-in).",
            ),
        ),
    ),
)

ENTRIES = tuple(entry for section in SECTIONS for entry in section.entries)

_UNIT = re.compile(r"\s*(,\s*\S+|\([^)]*\)|\[[^\]]*\])$")


def explanation(label: str) -> Entry | None:
    """The entry of the word that a label is about; None where it has none.

    Parameters
    ----------
    label
        The label of a figure, or the head of a column, such as "Best accuracy" or
        "Confirmed, %". Capitals, a plural and a unit at its end do not matter.

    Notes
    -----
    A label that is a word, or one of its other labels, comes first. Otherwise the longest word
    that stands in it counts, so "Best accuracy" is explained by accuracy.
    """
    text = label.strip().lower()
    known = _by_label()
    for candidate in (text, _UNIT.sub("", text)):
        if candidate in known:
            return known[candidate]

    for word, pattern in _patterns():
        if pattern.search(text):
            return known[word]
    return None


@cache
def _by_label() -> dict[str, Entry]:
    """Entries by all texts that stand for them, in small letters; words come before labels."""
    known: dict[str, Entry] = {}
    for entry in ENTRIES:
        known[entry.word.lower()] = entry
    for entry in ENTRIES:
        for text in (*entry.labels, _plural(entry.word)):
            known.setdefault(text.lower(), entry)
    return known


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """How each word is found inside of a label, the longest first."""
    words = sorted((entry.word.lower() for entry in ENTRIES), key=len, reverse=True)
    patterns = []
    for word in words:
        pattern = rf"(?<!\w){re.escape(word)}(s|es)?(?!\w)"
        patterns.append((word, re.compile(pattern)))
    return tuple(patterns)


def _plural(word: str) -> str:
    return f"{word}s"


def as_markdown() -> str:
    """All sections as a document of Markdown."""
    lines = [
        "# Glossary",
        "",
        "What the words mean that Shoal's pages, reports and documents use. The dashboard says the",
        "same where a word stands, and on its page *Help*.",
        "",
    ]
    for section in SECTIONS:
        lines += [f"## {section.title}", ""]
        for entry in section.entries:
            text = f"- **{entry.word}**: {entry.meaning}"
            lines += textwrap.wrap(
                text, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
            )
        lines.append("")
    return "\n".join(lines)
