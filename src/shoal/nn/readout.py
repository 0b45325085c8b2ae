"""Output layers that are solved: the best one for given hidden neurons, by least squares.

For features h (rows, H) and targets t (rows, K) the output layer (B, b0) is the one that minimises

    mean over rows and outputs of (t - B h - b0)^2, plus ridge / K times the sum of B^2,

where rows may have weights. The constants b0 are not penalised, so they follow from the means: with
features and targets less their means, B solves ``(H'H / n + ridge) B = H't / n``, by Cholesky's
factorisation U'U of the left side. With ``U'z = H't / n`` the minimum is ``mean t^2 - mean over
outputs of the sum of z^2``, so that no row is looked at again.

Classes are learned as codes, 1 for the row's class and 0 for the others. Their least squares are
found at once, but no probabilities. So the output layer of a network that is kept minimises

    mean over rows of the cross-entropy, plus ridge / 2 times the sum of B^2,

from there on (`fit_classes`). With hidden neurons that stay as they are this is a convex problem,
logistic regression.

References
----------
C. M. Bishop: Pattern Recognition and Machine Learning (2006), section 3.1.4 for the ridge, section
4.1.3 for least squares on codes of classes.
D. Boehning: Multinomial logistic regression algorithm. Annals of the Institute of Statistical
Mathematics 44 (1992): the bound of the curvature.
Y. Nesterov: A method of solving a convex programming problem with convergence rate O(1/k^2). Soviet
Mathematics Doklady 27 (1983).
B. O'Donoghue, E. Candes: Adaptive restart for accelerated gradient schemes. Foundations of
Computational Mathematics 15 (2015).
G. H. Golub, C. F. Van Loan: Matrix Computations (2013), section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class ReadoutTargets:
    """What solved output layers are fitted to.

    Attributes
    ----------
    values : ndarray of float32, (rows, K)
        Scaled targets, or codes of classes.
    weights : ndarray of float32, (rows,), optional
        How much each row counts; None: all alike.
    """

    values: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None

    def every(self, step: int) -> ReadoutTargets:
        """The same on every ``step``-th row."""
        weights = self.weights
        if weights is not None:
            weights = weights[::step]
        return ReadoutTargets(self.values[::step], weights)


def class_codes(y: NDArray[np.number], classes: int) -> NDArray[np.float32]:
    """The codes (rows, classes) of class indices (rows,)."""
    return np.eye(classes, dtype=np.float32)[y.astype(np.int64)]


class SolvedLayer(NamedTuple):
    """A solved output layer.

    Attributes
    ----------
    weights
        (K, H).
    biases
        (K,).
    loss
        What is minimised, see this module; +inf where nothing could be solved.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    loss: float


def solve_layer(
    features: NDArray[np.float32], targets: ReadoutTargets, ridge: float
) -> SolvedLayer:
    """Solve the output layer of one network, in float64.

    Parameters
    ----------
    features
        (rows, H): what the last hidden layer gives.
    targets
        What the outputs are fitted to.
    ridge
        The penalty of the squared weights, more than 0.
    """
    values = targets.values.astype(np.float64)
    weights = np.ones(len(values))
    if targets.weights is not None:
        weights = targets.weights.astype(np.float64)
    shares = weights / weights.sum()

    h = features.astype(np.float64)
    mean_h = shares @ h
    mean_t = shares @ values
    h = h - mean_h
    t = values - mean_t
    outputs = t.shape[1]

    gram = h.T @ (shares[:, None] * h) + ridge * np.eye(h.shape[1])
    right = h.T @ (shares[:, None] * t)
    try:
        lower = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        failed = np.full((outputs, h.shape[1]), np.nan, np.float32)
        return SolvedLayer(failed, failed[:, 0], np.inf)

    z = np.linalg.solve(lower, right)
    solved = np.linalg.solve(lower.T, z)
    loss = float(((shares @ (t * t)).sum() - (z * z).sum()) / outputs)
    if not np.isfinite(loss):
        loss = np.inf

    biases = mean_t - mean_h @ solved
    return SolvedLayer(solved.T.astype(np.float32), biases.astype(np.float32), loss)


# Steps of `fit_classes`, at most, and the gradient at which it ends before.
MOST_STEPS = 300
LEAST_GRADIENT = 1e-6


def fit_classes(
    features: NDArray[np.float32], targets: ReadoutTargets, ridge: float
) -> SolvedLayer:
    """Fit the output layer of a network of classes by the cross-entropy.

    The steps are those of the least squares' matrix, which bounds the curvature: with G for the
    gradient of B, ``B - (H'H / n + ridge)^-1 G``, and ``b0 - 2 g`` with g for that of b0. They gain
    momentum by Nesterov's rule, and lose it where they go up.

    Parameters
    ----------
    features, targets, ridge
        As of `solve_layer`; the targets are codes.

    Returns
    -------
    SolvedLayer
        Its loss is that of the least squares. Where these cannot be solved, it is all there is.
    """
    layer = solve_layer(features, targets, ridge)
    if not np.isfinite(layer.loss):
        return layer

    codes = targets.values.astype(np.float64)
    shares = np.ones(len(codes))
    if targets.weights is not None:
        shares = targets.weights.astype(np.float64)
    shares = (shares / shares.sum())[:, None]

    h = features.astype(np.float64)
    mean = shares[:, 0] @ h
    h = h - mean
    bound = h.T @ (shares * h) + ridge * np.eye(h.shape[1])

    weights = layer.weights.T.astype(np.float64)
    biases = (shares * codes).sum(axis=0)
    ahead, ahead_biases = weights, biases
    momentum = 0
    for _ in range(MOST_STEPS):
        logits = h @ ahead + ahead_biases
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        excess = shares * (powers / powers.sum(axis=1, keepdims=True) - codes)
        gradient = h.T @ excess + ridge * ahead
        of_biases = excess.sum(axis=0)
        if max(np.abs(gradient).max(), np.abs(of_biases).max()) <= LEAST_GRADIENT:
            break

        new = ahead - np.linalg.solve(bound, gradient)
        new_biases = ahead_biases - 2.0 * of_biases
        uphill = (gradient * (new - weights)).sum() + of_biases @ (new_biases - biases)
        momentum = 1 if uphill > 0 else momentum + 1
        share = (momentum - 1) / (momentum + 2)
        ahead = new + share * (new - weights)
        ahead_biases = new_biases + share * (new_biases - biases)
        weights, biases = new, new_biases

    biases = ahead_biases - mean @ ahead
    return SolvedLayer(ahead.T.astype(np.float32), biases.astype(np.float32), layer.loss)


def solving_effort(widths: Sequence[int], rows: int) -> int:
    """Count the multiply-adds of solving an output layer, for each of its rows.

    Parameters
    ----------
    widths
        Neurons before the layer, and its outputs.
    rows
        Rows that it is solved on.
    """
    neurons, outputs = widths
    products = neurons * (neurons + 1) // 2 + neurons * (1 + outputs)
    return products + (neurons**3 // 6 + neurons**2 * outputs) // max(1, rows)
