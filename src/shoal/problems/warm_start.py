"""The network that a swarm starts from: trained by scikit-learn, or read from a file.

A swarm that says "no gradient" has none: nothing here happens unless the setting ``start_from``
asks for it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
import os
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from shoal.data import Part
from shoal.errors import CodeChangedError, SettingsError
from shoal.genome.genome import Genome
from shoal.inference.standalone import (
    TableError,
    read_array,
    read_description,
    reason_of,
    size_of_network,
)
from shoal.nn.network import Network
from shoal.numerics.philox import Key
from shoal.settings.start import MOST_VELOCITY, SOLVER_ACTIVATIONS, SOLVERS, StartFrom, as_start
from shoal.system.one_import import ONE_IMPORT
from shoal.system.paths import is_there, named_path

_MODEL = "model.json"
_WEIGHTS = "weights.npz"
# What scikit-learn is told besides the shape. `shoal.tuning.baselines` says how it was chosen.
_OPTIONS: dict[str, dict[str, Any]] = {
    "adam": {"solver": "adam", "alpha": 0.01, "learning_rate_init": 0.01, "max_iter": 2000},
    "lbfgs": {"solver": "lbfgs", "alpha": 0.1, "max_iter": 1000},
}
# The bias of a class that the training rows do not have.
_NEVER = -10.0
# How an archive begins, NumPy's letters for numbers, and how many a file may have.
_ARCHIVE = b"PK"
_NUMBERS = "iuf"
_MOST_WEIGHTS = 2**26


# ---- What a user names ---------------------------------------------------------------------------


def pinned_start(value: Any) -> Any:
    """What the setting ``start_from`` holds for what a user gives.

    Parameters
    ----------
    value
        "adam" or "lbfgs", a folder that ``shoal export`` wrote, or a file of weights (``.npz`` with
        ``weights``, or ``.npy``). Or a table that was pinned before.

    Returns
    -------
    dict
        A file has its absolute path, its hash, and the shape of its network where a model.json
        beside it says it.

    Raises
    ------
    SettingsError
        There is no such file, it holds no weights, or it is not the one whose hash is given.
    """
    if isinstance(value, StartFrom):
        value = value.model_dump()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    table = as_start(value)
    source = table.get("source") if isinstance(table, Mapping) else None
    if not isinstance(source, str) or source in SOLVERS:
        return table

    path, content = _read(source)
    found = hashlib.sha256(content).hexdigest()
    known = table.get("sha256")
    if known is not None and known != found:
        raise SettingsError(
            f"{path} has the SHA-256 {found[:12]}..., and the settings name {str(known)[:12]}...",
            expected="the file that the settings were written with",
            remedy="leave sha256 out to use the file as it is now",
        )
    _weights_in(path, content)
    return {"source": str(path), "sha256": found, **_shape_beside(path)}


def find_start(value: Any) -> StartFrom | None:
    """The network that a user means by the value of a setting, or None; see `pinned_start`."""
    if value is None:
        return None
    try:
        return StartFrom.model_validate(pinned_start(value))
    except ValidationError:
        raise SettingsError(
            f"start_from={value!r}.",
            expected="adam, lbfgs, a folder that `shoal export` wrote, or a file of weights",
            remedy="give one of these, or leave it out",
        ) from None


def _read(source: str) -> tuple[Path, bytes]:
    """The file of weights that a user names, or whose folder is named; and its content."""
    try:
        path = named_path(source).absolute()
        if is_there(path) and path.is_dir():
            path = path / _WEIGHTS
        # A device might never end.
        if is_there(path) and not path.is_file():
            raise OSError(errno.EINVAL, "It is no file")
        return path, path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"start_from={source!r}: {error.strerror}.",
            expected="adam, lbfgs, a folder that `shoal export` wrote, or a file of weights",
            remedy="check the path",
        ) from None


def _shape_beside(path: Path) -> dict[str, Any]:
    """Hidden layers and activation by the model.json beside the weights; nothing without one."""
    if not is_there(path.parent / _MODEL):
        return {}
    try:
        described = read_description(path.parent)
        size_of_network(described)
    except TableError as error:
        raise _no_network(path.parent / _MODEL, error.problem.rstrip(".")) from None
    return {"hidden_layers": described["layers"][1:-1], "activation": described["activation"]}


def _weights_in(path: Path, content: bytes) -> NDArray[np.float32]:
    """The weights (networks, D) of a file, never by unpickling."""
    try:
        weights = np.atleast_2d(_array_in(content))
        if not np.isfinite(weights).all():
            raise ValueError("some weights are no finite numbers")
    # What is damaged has Python and NumPy raise errors of many kinds.
    except Exception as error:
        raise _no_network(path, reason_of(error)) from None
    return weights


def _array_in(content: bytes) -> NDArray[np.float32]:
    """The array of an .npy file, or "weights" of an .npz file. Raises errors of many kinds."""
    if not content.startswith(_ARCHIVE):
        return read_array(io.BytesIO(content), _check_shape, _NUMBERS)
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("weights.npy") as file:
        return read_array(file, _check_shape, _NUMBERS)


def _check_shape(shape: tuple[int, ...]) -> None:
    if not 1 <= len(shape) <= 2 or not 1 <= math.prod(shape) <= _MOST_WEIGHTS:
        raise ValueError(f"an array of shape {shape}")


def _no_network(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"start_from={str(path)!r} holds no network ({why}).",
        expected="finite weights (networks, D), as `shoal export` writes them",
        remedy="export the model again, or choose another file",
    )


# ---- The weights ---------------------------------------------------------------------------------


def check_start(start: StartFrom, activations: tuple[str, ...]) -> None:
    """Refuse activations that the start cannot have.

    Parameters
    ----------
    start
        The setting.
    activations
        Those that genomes may have.

    Raises
    ------
    SettingsError
        One of them is impossible, or a file comes without its hash.
    """
    if start.is_file and start.sha256 is None:
        raise SettingsError(
            f"start_from={start.source!r} comes without the hash of its file.",
            expected="adam, lbfgs, or a file that was pinned",
            remedy="pass the settings through shoal.train, shoal.search or `shoal run`",
        )
    for name in activations:
        if name not in start.activations:
            raise SettingsError(
                f"start_from={str(start)!r} with the activation {name}.",
                expected="one of " + ", ".join(start.activations),
                remedy="choose another activation (`choices.activation`, or activation= of a "
                "genome), or another start",
            )


def starting_genome(genome: Genome, start: StartFrom) -> Genome:
    """The genome with the network that swarms start from, near which they stay."""
    if start.hidden_layers is not None:
        genome = replace(genome, hidden_layers=start.hidden_layers)
    return replace(
        genome,
        activation=start.activation or genome.activation,
        max_velocity=min(genome.max_velocity, MOST_VELOCITY),
    )


def start_weights(
    start: StartFrom, genome: Genome, network: Network, part: Part, key: Key
) -> NDArray[np.float32]:
    """The network that a swarm starts from.

    Parameters
    ----------
    start
        The setting.
    genome
        The swarm's.
    network
        Of D weights.
    part
        The rows that are trained on.
    key
        The random stream of the training.

    Returns
    -------
    ndarray of float32, (D,)

    Raises
    ------
    CodeChangedError
        The file is missing, or is not the recorded one.
    SettingsError
        The network has another shape than the file's.
    """
    activations: tuple[str, ...] = ()
    if genome.hidden_layers:
        activations = (genome.activation,)
    check_start(start, activations)
    if start.is_file:
        return _from_file(start, network)
    return _trained(start.source, genome, network, part, key)


def _from_file(start: StartFrom, network: Network) -> NDArray[np.float32]:
    path = Path(start.source)
    try:
        content = path.read_bytes()
    except OSError as error:
        content = b""
        reason = f"{path}: {error.strerror}."
    else:
        reason = f"{path} has changed since the run began."
    if hashlib.sha256(content).hexdigest() != start.sha256:
        raise CodeChangedError(
            reason,
            expected=f"the file that the run began with ({str(start.sha256)[:12]}...)",
            remedy="put the file back and resume the run, or start a new one",
        )

    # Of several networks the first: it is as good as the others.
    weights: NDArray[np.float32] = _weights_in(path, content)[0]
    if len(weights) != network.size:
        raise SettingsError(
            f"start_from={start.source!r} has {len(weights)} weights, and a network of the widths "
            f"{network.layers} has {network.size}.",
            expected="a network of the same inputs, hidden layers and outputs",
            remedy="give the genome the file's hidden layers, or prepare the table as the file's",
        )
    return weights


def _trained(
    solver: str, genome: Genome, network: Network, part: Part, key: Key
) -> NDArray[np.float32]:
    """The network that scikit-learn trains on the rows, by one thread."""
    with ONE_IMPORT:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    from threadpoolctl import threadpool_limits

    is_regression = part.target.ndim > 1 or network.layers[-1] == 1
    estimator = MLPRegressor if is_regression else MLPClassifier
    model = estimator(
        hidden_layer_sizes=genome.hidden_layers,
        activation=SOLVER_ACTIVATIONS.get(genome.activation, "relu"),
        random_state=key[0] % 2**32,
        **_OPTIONS[solver],
    )
    y = part.y if is_regression else part.target.astype(np.int64)
    # The number of threads would change the last bits.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(part.x.astype(np.float64), y, **_weights_of_rows(model, part))

    matrices = [matrix.T for matrix in model.coefs_]
    biases = list(model.intercepts_)
    if not is_regression:
        matrices[-1], biases[-1] = _by_class(model, matrices[-1], biases[-1], network.layers[-1])
    return _flat(matrices, biases)


def _weights_of_rows(model: Any, part: Part) -> dict[str, NDArray[np.float64]]:
    """The weights of the rows, where there are some and scikit-learn takes them (from 1.7 on)."""
    with ONE_IMPORT:
        from sklearn.utils.validation import has_fit_parameter

    if part.weight is None or not has_fit_parameter(model, "sample_weight"):
        return {}
    return {"sample_weight": part.weight.astype(np.float64)}


def _by_class(
    model: Any, matrix: NDArray[np.float64], bias: NDArray[np.float64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and biases of an output for each class, (classes, inputs) and (classes,).

    scikit-learn has one output for two classes, the logit of the second one, and none for a class
    without rows.
    """
    if len(model.classes_) == 2:
        matrix = np.concatenate([np.zeros_like(matrix), matrix])
        bias = np.concatenate([np.zeros_like(bias), bias])

    weights = np.zeros((classes, matrix.shape[1]))
    biases = np.full(classes, _NEVER)
    weights[model.classes_] = matrix
    biases[model.classes_] = bias
    return weights, biases


def _flat(
    matrices: list[NDArray[np.float64]], biases: list[NDArray[np.float64]]
) -> NDArray[np.float32]:
    parts = []
    for matrix, bias in zip(matrices, biases, strict=True):
        parts += [matrix.ravel(), bias]
    return np.concatenate(parts).astype(np.float32)
