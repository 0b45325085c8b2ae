"""The score by two genes, averaged over all others.

It is the partial dependence of a forest [1]_.

References
----------
.. [1] J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of
   Statistics 29, 2001, section 8.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.importance import TREES, Model

# Points along each axis.
SURFACE = 24
# Genomes over which a surface averages all other genes.
_BACKGROUND = 80
# No surface is drawn further than this from a genome, as a share of each axis' length.
_NEAR = 0.12
# One forest draws a surface, so that it may be larger than each of many.
_SURFACE_TREES = 4 * TREES


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """The score by two features.

    Attributes
    ----------
    x, y
        Places along the axes, on the scale of `GeneFeature.scaled`.
    z
        Scores in the metric's unit, (len(y), len(x)). NaN where no genome is near, since a model
        knows nothing there.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]


def surface(model: Model, one: str, other: str, *, seed: int = 0) -> Surface | None:
    """The score by two numeric features, as the model predicts it.

    Parameters
    ----------
    model
        What a forest learns from.
    one, other
        Names of features; ``one`` is along x.
    seed
        The same model and seed give the same surface.

    Returns
    -------
    Surface or None
        None where a name is that of a choice, is not known, or is there twice.
    """
    numeric = {}
    for place, feature in enumerate(model.features):
        if not feature.choices:
            numeric[feature.name] = place
    if one not in numeric or other not in numeric or one == other:
        return None

    # A numeric feature has one column.
    x_column = int(model.columns[numeric[one]][0])
    y_column = int(model.columns[numeric[other]][0])
    x = _axis(model.x[:, x_column])
    y = _axis(model.x[:, y_column])

    # The points of the grid, row by row, (points,).
    mesh_x, mesh_y = np.meshgrid(x, y)
    point_x = mesh_x.ravel()
    point_y = mesh_y.ravel()
    z = _partial_dependence(model, x_column, y_column, point_x, point_y, seed)

    used = model.features[numeric[one]].used & model.features[numeric[other]].used
    distances = np.hypot(
        (point_x[:, None] - model.x[used][:, x_column]) / max(np.ptp(x), 1e-12),
        (point_y[:, None] - model.x[used][:, y_column]) / max(np.ptp(y), 1e-12),
    )
    nearest = distances.min(axis=1, initial=np.inf)
    known = np.where(nearest <= _NEAR, z, np.nan)
    return Surface(x, y, known.reshape(SURFACE, SURFACE))


def _axis(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evenly spaced places from the lowest value to the highest."""
    return np.linspace(values.min(), values.max(), SURFACE)


def _partial_dependence(
    model: Model,
    x_column: int,
    y_column: int,
    point_x: NDArray[np.float64],
    point_y: NDArray[np.float64],
    seed: int,
) -> NDArray[np.float64]:
    """Mean prediction at each point over genomes that keep all their other genes, (points,)."""
    rng = np.random.default_rng(seed)
    count = min(_BACKGROUND, len(model.x))
    background = model.x[rng.choice(len(model.x), count, replace=False)]

    # Each genome of the background at each point, (points, genomes, columns).
    moved = np.repeat(background[None], len(point_x), axis=0)
    moved[:, :, x_column] = point_x[:, None]
    moved[:, :, y_column] = point_y[:, None]

    forest = model.forest(np.arange(len(model.y)), seed, _SURFACE_TREES)
    predicted = forest.predict(moved.reshape(-1, model.x.shape[1]))
    by_point = predicted.reshape(len(point_x), count)
    return np.asarray(by_point.mean(axis=1), dtype=np.float64)
