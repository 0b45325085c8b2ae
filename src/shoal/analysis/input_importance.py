"""Which columns of a table the model needs: permutation importance on the test rows.

The values of a column are shuffled among the rows [1]_, all network inputs that it became together.
What the score of the networks' mean loses is the column's importance, in the unit of the metric.
Columns that say the same share their worth: the networks still have the other one.

The interval is that of a mean over two crossed samples, shuffles and networks:
half = t sqrt(s_r^2 / R + s_n^2 / N), where s_r is the deviation of the ensemble's losses over R
shuffles, and s_n that of the mean losses of N single networks. The degrees of freedom of t are
those of Welch and Satterthwaite [2]_.

References
----------
.. [1] L. Breiman, "Random Forests", Machine Learning 45, 2001.
.. [2] F. E. Satterthwaite, "An Approximate Distribution of Estimates of Variance Components",
   Biometrics Bulletin 2, 1946.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.champion_rows import ChampionRows, kind_of
from shoal.analysis.importance import MeanInterval
from shoal.errors import SettingsError
from shoal.objectives.registry import Metric
from shoal.system.one_import import ONE_IMPORT

if TYPE_CHECKING:
    import pandas as pd

REPEATS = 10
MOST_REPEATS = 1_000
# Rows that are shuffled. More would take longer than a page may.
MOST_ROWS = 2_000

# Scores that a page computes, about: of wide tables and many networks columns are shuffled less
# often, so that nobody waits for long.
_MOST_SCORES = 1_000
_FEWEST_REPEATS = 3

_TOGETHER = "together"
# The upper end of a 95 % interval.
_UPPER = 0.975


@dataclass(frozen=True, slots=True)
class InputImportance:
    """What the model loses without a column.

    Attributes
    ----------
    column
        Its name in the table.
    kind
        "number", "category" or "date".
    inputs
        How many network inputs it became.
    loss
        What shuffling it costs the ensemble, in `Metric.difference_unit`; above 0: the score gets
        worse.
    by_network
        The same of each single network, (networks,), means over the shuffles.
    """

    column: str
    kind: str
    inputs: int
    loss: MeanInterval
    by_network: tuple[float, ...]

    @property
    def clear(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.loss.low > 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "column": self.column,
            "kind": self.kind,
            "inputs": self.inputs,
            "loss": self.loss.mean,
            "ci95": [self.loss.low, self.loss.high],
            "by_network": list(self.by_network),
        }


@dataclass(frozen=True, slots=True)
class InputImportances:
    """The importances of all columns that are inputs.

    Attributes
    ----------
    inputs
        The most important first.
    metric
        What is lost.
    score
        Of the ensemble on these rows, nothing shuffled.
    rows, rows_of_test
        How many rows were shuffled, and how many the test part has.
    repeats
        Shuffles of each column.
    networks
        How many predict together.
    """

    inputs: tuple[InputImportance, ...]
    metric: Metric
    score: float
    rows: int
    rows_of_test: int
    repeats: int
    networks: int

    def to_frame(self) -> pd.DataFrame:
        """One row a column, the most important first.

        Returns
        -------
        DataFrame
            Index ``column``; ``kind``, ``inputs``, and ``loss``, ``low``, ``high`` in the unit of
            the metric.
        """
        import pandas as pd

        rows = []
        for own in self.inputs:
            interval = {"loss": own.loss.mean, "low": own.loss.low, "high": own.loss.high}
            rows.append({"column": own.column, "kind": own.kind, "inputs": own.inputs, **interval})
        return pd.DataFrame(rows).set_index("column")

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "metric": self.metric.to_dict(),
            "score": self.score,
            "rows": self.rows,
            "rows_of_test": self.rows_of_test,
            "repeats": self.repeats,
            "networks": self.networks,
            "inputs": [own.to_dict() for own in self.inputs],
        }


def usual_repeats(champion: ChampionRows) -> int:
    """How often columns are shuffled where nobody said it, for pages and reports."""
    scores_a_repeat = len(champion.columns) * (champion.networks + 1)
    return min(REPEATS, max(_FEWEST_REPEATS, _MOST_SCORES // scores_a_repeat))


def input_importances(
    champion: ChampionRows, *, repeats: int = REPEATS, seed: int = 0
) -> InputImportances:
    """How much worse the champion predicts the test rows without each column.

    Parameters
    ----------
    champion
        What `shoal.analysis.champion_rows.champion_rows` returned. Of more than `MOST_ROWS` rows
        that many are drawn at random.
    repeats
        Shuffles of each column, 2 to `MOST_REPEATS`.
    seed
        Of the shuffles and the drawn rows: the same seed gives the same numbers.

    Raises
    ------
    SettingsError
        For ``repeats`` out of range.
    AnalysisError
        A prediction is not finite.
    """
    if not (isinstance(repeats, int) and 2 <= repeats <= MOST_REPEATS):
        raise SettingsError(
            f"repeats={repeats!r}.",
            expected=f"a whole number, 2 to {MOST_REPEATS:,}",
            remedy=f"{REPEATS} is usual",
        )
    all_rows = len(champion.part.rows)
    champion = champion.sample(MOST_ROWS, seed)
    rows = len(champion.part.rows)
    with ONE_IMPORT:
        from sklearn.inspection import permutation_importance

    # A cell is the number of the row whose value it has. So a column is one column to shuffle,
    # however many network inputs it became.
    places = np.repeat(np.arange(rows)[:, None], len(champion.columns), axis=1)
    found = permutation_importance(
        _Inputs(champion),
        places,
        champion.part.target,
        scoring=_fitness_of_all,
        n_repeats=repeats,
        random_state=seed,
    )

    ensemble = found[_TOGETHER].importances
    single = np.stack([found[str(n)].importances for n in range(champion.networks)])
    inputs = []
    for place, (name, column) in enumerate(champion.columns.items()):
        own = InputImportance(
            column=name,
            kind=kind_of(column),
            inputs=len(column.inputs),
            loss=_interval(ensemble[place], single[:, place]),
            by_network=tuple(single[:, place].mean(axis=1).tolist()),
        )
        inputs.append(own)

    # Of equally important columns the first stays first.
    inputs.sort(key=lambda own: -own.loss.mean)
    unshuffled = champion.together(champion.predict(champion.part.x))
    return InputImportances(
        inputs=tuple(inputs),
        metric=champion.problem.metric,
        score=champion.score(unshuffled),
        rows=rows,
        rows_of_test=all_rows,
        repeats=repeats,
        networks=champion.networks,
    )


@dataclass(frozen=True, eq=False)
class _Inputs:
    """An estimator of scikit-learn whose cells are numbers of rows.

    Attributes
    ----------
    champion
        Has the rows.
    """

    champion: ChampionRows

    def fit(self, places: NDArray[np.int64], target: NDArray[np.float64]) -> _Inputs:
        """Nothing to do; scikit-learn asks whether there is such a method."""
        return self

    def predict(self, places: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """What each network predicts of rows (rows, columns) whose cells name other rows."""
        x = self.champion.part.x
        inputs = np.empty_like(x)
        for place, block in enumerate(self.champion.blocks.values()):
            inputs[:, block] = x[places[:, place], block]
        return self.champion.predict(inputs)


def _fitness_of_all(
    inputs: _Inputs, places: NDArray[np.int64], target: NDArray[np.float64]
) -> dict[str, float]:
    """The fitness of the networks together, and of each alone."""
    champion = inputs.champion
    fitness = champion.problem.metric.fitness
    predictions = inputs.predict(places)
    scores = {_TOGETHER: fitness(champion.score(champion.together(predictions)))}
    for n, own in enumerate(predictions):
        scores[str(n)] = fitness(champion.score(own))
    return scores


def _interval(ensemble: NDArray[np.float64], single: NDArray[np.float64]) -> MeanInterval:
    """The mean of the ensemble (repeats,), with an interval that ``single`` widens.

    ``single`` has the losses of single networks, (networks, repeats). See the module's docstring.
    """
    from scipy.special import stdtrit

    middle = float(ensemble.mean())
    variances = [float(ensemble.var(ddof=1)) / len(ensemble)]
    degrees = [len(ensemble) - 1]
    if len(single) > 1:
        variances.append(float(single.mean(axis=1).var(ddof=1)) / len(single))
        degrees.append(len(single) - 1)

    total = math.fsum(variances)
    if total == 0.0:
        return MeanInterval(middle, middle, middle)
    # df = (sum v)^2 / sum (v^2 / df)
    parts = [own * own / count for own, count in zip(variances, degrees, strict=True)]
    freedom = total * total / math.fsum(parts)
    half = float(stdtrit(freedom, _UPPER)) * math.sqrt(total)
    return MeanInterval(middle, middle - half, middle + half)
