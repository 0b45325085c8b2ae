"""Read a table, encode it, run the trained networks: all that a prediction needs, in NumPy alone.

Shoal encodes its training tables with this very file, and exports it as ``predict.py`` beside ``model.json`` and
``weights.npz``, so that training and prediction cannot differ. It imports nothing of Shoal and runs by itself::

    python predict.py table.csv --out predictions.csv
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 256 * 2**20
MAX_COLUMNS = 10_000
MAX_ROWS = 5_000_000
SEPARATORS = ",;\t|"
FORMATS = (
    1,
    2,
)  # of model.json that this file reads; 2, which is written, has columns with a ``log_floor``
# Text that means "no value" anywhere, and text that means it only where numbers are expected ("none" may be a class).
MISSING = frozenset({"", "na", "n/a", "nan", "null", "#n/a", "<na>", "nat"})
MISSING_NUMBER = MISSING | {"none", "-", "--", ".", "?", "missing"}

Cells = Sequence[object] | NDArray[Any]

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_MAGIC = {
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}


class TableError(ValueError):
    """A table or a model that cannot be used: what is wrong, what was expected, what to do."""

    def __init__(self, problem: str, expected: str = "", remedy: str = "") -> None:
        self.problem, self.expected, self.remedy = problem, expected, remedy
        text = (
            problem
            + (f" Expected: {expected}." if expected else "")
            + (f" What to do: {remedy}." if remedy else "")
        )
        super().__init__(text)


# Text -> columns


def decode(data: bytes) -> str:
    """Text of a CSV file: UTF-8, UTF-16 or UTF-32 with a byte order mark, else Windows-1252. Raises TableError."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise TableError(
                f"the file is {kind}, not a table.",
                "CSV text",
                "unpack it, or save it as CSV, first",
            )
    encodings = ["utf-8-sig", "cp1252"]
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        encodings = ["utf-32"]
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    binary = TableError("the file is not text.", "CSV text", "save the table as CSV in UTF-8")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise binary
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        remedy = "save the table as CSV in UTF-8"
        raise TableError(
            f"line {line} has a NUL byte: the file is binary, damaged or UTF-16.",
            "CSV text",
            remedy,
        )
    head = text[:65_536]
    if sum(c < " " and c not in "\t\n\r\v\f\x1a" for c in head) > 0.01 * len(head):
        raise binary
    return text


def sniff_separator(text: str) -> str:
    """The separator, of ``, ; tab |``, that splits the first rows most evenly; a comma if none does (one column)."""
    best, found = (0.0, 0), ","
    for separator in SEPARATORS:
        reader = csv.reader(io.StringIO(text[:65_536], newline=""), delimiter=separator)
        counts = [len(row) for row, _ in zip(reader, range(100), strict=False) if row]
        if len(text) > 65_536 and len(counts) > 1:
            counts.pop()  # cut off in the middle
        if counts and counts[0] > 1:
            score = (counts.count(counts[0]) / len(counts), counts[0])
            if score > best:
                best, found = score, separator
    return found


def check_header(names: Sequence[str], *, numbers_are_names: bool = False) -> None:
    """Raises TableError for blank, repeated, too many, or (unless allowed) all-numeric column names."""
    if len(names) > MAX_COLUMNS:
        problem = f"the table has {len(names):,} columns."
        raise TableError(problem, f"at most {MAX_COLUMNS:,}", "keep only the columns that matter")
    if not any(names):
        raise TableError(
            "row 1 is blank.", "the names of the columns", "remove the lines above the header"
        )
    first: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name:
            raise TableError(
                f"column {position} has no name.",
                "a name in row 1",
                "name the column, or remove it",
            )
        if name in first:
            problem = f"the name {name!r} stands over columns {first[name]} and {position}."
            raise TableError(problem, "a different name for each column", "rename one of them")
        first[name] = position
    if not numbers_are_names and all(to_number(name) is not None for name in names):
        shown = ", ".join(names[:3])
        raise TableError(
            f"row 1 holds numbers ({shown}), not names.",
            "a header",
            "add a row of column names on top",
        )


def parse_csv(text: str) -> dict[str, list[str]]:
    """Columns of a CSV text, by name. The header is row 1; a blank line inside is a row without values.

    In files separated by semicolons a decimal comma becomes a point. Raises TableError, naming row and column.
    """
    if not text.strip():
        raise TableError(
            "the file is empty.", "a header and rows", "choose a file that holds a table"
        )
    separator = sniff_separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    started = 1
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > MAX_ROWS + 1:
                raise TableError(
                    f"the table has over {MAX_ROWS:,} rows.",
                    "fewer",
                    "take a random sample of the rows",
                )
            started = reader.line_num + 1
    except csv.Error as error:
        where = f"row {len(rows) + 1} (line {started})"
        if "field larger" in str(error):
            problem = f"{where} has a cell of over {csv.field_size_limit():,} characters."
            raise TableError(
                problem, "short cells", "shorten it, or close a quote left open there"
            ) from None
        problem = f"{where} has a quote that is not closed, or text after a closing quote."
        raise TableError(
            problem, "quotes in pairs", 'close it, or write a quote inside a cell as ""'
        ) from None
    while len(rows) > 1 and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    header = [name.strip() for name in rows[0]]
    check_header(header)
    blank = [""] * len(header)
    for number, row in enumerate(rows[1:], 2):
        if not row:
            rows[number - 1] = blank
        elif len(row) != len(header):
            problem = f"row {number} has {len(row)} cells, the header {len(header)}."
            raise TableError(
                problem,
                "equally many",
                "quote cells that hold the separator, fill in missing cells",
            )
    cells = list(zip(*rows[1:], strict=True)) or [()] * len(header)
    columns = {name: list(column) for name, column in zip(header, cells, strict=True)}
    if separator == ";" and "," in text:
        for name, column in columns.items():
            _point_decimals(name, column)
    return columns


def _point_decimals(name: str, column: list[str]) -> None:
    commas = [
        i for i, cell in enumerate(column) if "," in cell and _DECIMAL_COMMA.fullmatch(cell.strip())
    ]
    if not commas:
        return
    point = next(
        (i for i, cell in enumerate(column) if _DECIMAL_POINT.fullmatch(cell.strip())), None
    )
    if point is not None:
        problem = f"column {name!r} has a decimal point in row {point + 2} and a comma in row {commas[0] + 2}."
        raise TableError(problem, "one of them", "write all numbers of the column alike")
    for i in commas:
        column[i] = column[i].replace(",", ".")


# Columns -> network inputs

_LN2_HIGH = (
    0.6931471803691238  # ln 2 split so that k * _LN2_HIGH is exact for every exponent k (fdlibm)
)
_LN2_LOW = 1.9082149292705877e-10
_ATANH_TERMS = tuple(1.0 / n for n in range(23, 0, -2))


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of finite positive ``x``: ln(m 2^k) = 2 atanh((m - 1) / (m + 1)) + k ln 2, m in [0.7, 1.42).

    Not NumPy's, whose last bit differs by processor: from additions, multiplications and exact scalings only.
    """
    mantissa, exponent = np.frexp(x)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, 2.0 * mantissa, mantissa)
    k = (exponent - low).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square, series = s * s, np.full_like(s, _ATANH_TERMS[0])
    for term in _ATANH_TERMS[1:]:
        series = series * square + term
    return np.asarray(k * _LN2_HIGH + (2.0 * s * series + k * _LN2_LOW))


def to_number(value: object) -> float | None:
    """The number that a cell holds: NaN if it holds none, None if it holds something else. Infinity is a number."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in MISSING_NUMBER:
            return math.nan
        if "_" in text:
            return None  # Python reads 1_000 as a number; people do not
        try:
            return float(text)
        except ValueError:
            return None
    if _is_nothing(value):
        return math.nan
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def to_level(value: object) -> str | None:
    """The text under which a cell is a category; None if it holds no value. 1, 1.0 and "1" are the same."""
    if _is_nothing(value):
        return None
    if isinstance(value, float | np.floating):
        number = float(value)
        return (
            None
            if math.isnan(number)
            else str(int(number))
            if number.is_integer()
            else repr(number)
        )
    text = str(value).strip()
    return None if text.lower() in MISSING else text


def _is_nothing(value: object) -> bool:
    return value is None or type(value).__name__ in (
        "NAType",
        "NaTType",
    )  # pandas' own, without importing pandas


def width(encoder: Mapping[str, Any]) -> int:
    """How many network inputs the encoder makes."""
    return sum(_column_width(column) for column in encoder["columns"])


def _column_width(column: Mapping[str, Any]) -> int:
    return (
        len(column["levels"])
        if column["kind"] == "categorical"
        else 1 + bool(column["missing_indicator"])
    )


def encode(columns: Mapping[str, Cells], encoder: Mapping[str, Any]) -> NDArray[np.float32]:
    """Network inputs (rows, inputs), C-contiguous, from columns of equal length; unknown columns are ignored.

    A numeric column becomes ``(v - mean) / scale``, missing values ``fill`` (an error if that is null), then a 0/1
    column where values were missing if ``missing_indicator``. One with a ``log_floor``, the smallest value of training,
    becomes ``(log(max(v, log_floor)) - mean) / scale``. A categorical column becomes one 0/1 column a level;
    null is the level of missing values; a level never seen is all zeros. Raises TableError (a ValueError).
    """
    missing = [spec["name"] for spec in encoder["columns"] if spec["name"] not in columns]
    if missing:
        found = ", ".join(map(str, list(columns)[:20]))
        raise TableError(
            f"column {missing[0]!r} is missing; there are: {found}.",
            "all columns of training",
            "add it",
        )
    lengths = {len(columns[spec["name"]]) for spec in encoder["columns"]}
    if len(lengths) != 1:
        raise TableError(
            "the columns have different lengths.", "equal lengths", "give every row every column"
        )
    x = np.zeros((lengths.pop(), width(encoder)), dtype=np.float32)
    at = 0
    for spec in encoder["columns"]:
        values, name = columns[spec["name"]], spec["name"]
        if spec["kind"] == "categorical":
            place = {level: at + i for i, level in enumerate(spec["levels"])}
            for row, value in enumerate(values):
                if (column := place.get(to_level(value))) is not None:
                    x[row, column] = 1
        else:
            numbers = _numbers(name, values)
            absent = np.isnan(numbers)
            if absent.any():
                if spec["fill"] is None:
                    row = int(np.flatnonzero(absent)[0]) + 2
                    raise TableError(
                        f"row {row}, column {name!r}: no value.", "a number", "fill it in"
                    )
                numbers = np.where(absent, spec["fill"], numbers)
            if (floor := spec.get("log_floor")) is not None and np.isfinite(numbers).all():
                numbers = log(np.maximum(numbers, floor))
            with np.errstate(over="ignore"):
                x[:, at] = (numbers - spec["mean"]) / spec["scale"]
            if not np.isfinite(x[:, at]).all():
                row = int(np.flatnonzero(~np.isfinite(x[:, at]))[0])
                problem = f"row {row + 2}, column {name!r}: {values[row]} is too large."
                raise TableError(
                    problem, "a number within the range of single precision", "correct or remove it"
                )
            if spec["missing_indicator"]:
                x[:, at + 1] = absent
        at += _column_width(spec)
    return x


def _numbers(name: str, values: Cells) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return values.astype(np.float64)
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        number = to_number(value)
        if number is None:
            raise TableError(
                f"row {row + 2}, column {name!r}: {str(value)[:60]!r} is not a number.",
                "a number",
                "correct it",
            )
        numbers[row] = number
    return numbers


# Network inputs -> predictions

ACTIVATIONS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),  # 1 / (1 + exp(-x)) that cannot overflow
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
}


def forward(
    weights: NDArray[np.float32], layers: Sequence[int], activation: str, x: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Outputs (rows, outputs) of a dense network for inputs (rows, inputs). The last layer is linear.

    ``weights`` is flat, layer by layer: W of shape (out, in) row by row, then the bias (out,). Raises TableError if it
    has another length than ``layers`` (inputs first, outputs last) needs, or for an unknown activation.
    """
    needed = sum(a * b + b for a, b in pairwise(layers))
    if weights.shape != (needed,) or activation not in ACTIVATIONS:
        problem = f"weights {weights.shape} or activation {activation!r} do not fit the layers {list(layers)}."
        raise TableError(
            problem, f"({needed},) and one of {', '.join(ACTIVATIONS)}", "export the model again"
        )
    return propagate(weights, layers, ACTIVATIONS[activation], x)


def propagate(
    weights: NDArray[np.float32],
    layers: Sequence[int],
    activation: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    x: NDArray[np.float32],
) -> NDArray[np.float32]:
    """`forward` with any function as activation; ``weights`` must have the length that ``layers`` need."""
    at = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for number, (inputs, outputs) in enumerate(pairwise(layers), 2):
            matrix = weights[at : at + inputs * outputs].reshape(outputs, inputs)
            at += inputs * outputs
            x = x @ matrix.T + weights[at : at + outputs]
            at += outputs
            if number < len(layers):
                x = activation(x)
    return x


def unscale(outputs: NDArray[Any], target: Mapping[str, Any]) -> NDArray[np.float64]:
    """Network outputs (rows, outputs) in the target's unit: (rows,) for regression; classes as they are."""
    values = np.asarray(outputs, dtype=np.float64)
    if target["kind"] == "classification":
        return values
    return values.reshape(len(values)) * float(target["scale"]) + float(target["offset"])


def softmax(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of outputs (..., classes)."""
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Model:
    """An exported model: ``model.json`` as read, and weights (networks, D)."""

    description: Mapping[str, Any]
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Values (rows,) in the target's unit, or class labels (rows,) with probabilities (rows, classes)."""

    values: NDArray[np.float64] | NDArray[np.str_]
    probabilities: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()


def load_model(folder: str | os.PathLike[str]) -> Model:
    """The model whose ``model.json`` and ``weights.npz`` are in ``folder``. Raises TableError if it is damaged."""
    place, remedy = Path(folder), "export the model again, and keep its files together"
    try:
        about = json.loads((place / "model.json").read_text(encoding="utf-8"))
        if about["format"] not in FORMATS:
            expected = " or ".join(map(str, FORMATS))
            remedy = "use the predict.py exported with it"
            raise TableError(f"{place}: model format {about['format']!r}.", expected, remedy)
        with np.load(
            io.BytesIO((place / "weights.npz").read_bytes()), allow_pickle=False
        ) as arrays:
            weights = np.ascontiguousarray(arrays["weights"], dtype=np.float32)
        layers, target = about["layers"], about["encoder"]["target"]
        ends = (
            width(about["encoder"]),
            len(target["classes"]) if target["kind"] == "classification" else 1,
        )
        if (
            weights.ndim != 2
            or not len(weights)
            or not np.isfinite(weights).all()
            or ends != (layers[0], layers[-1])
        ):
            raise ValueError("weights, layers and encoder do not fit each other")
        forward(weights[0], layers, about["activation"], np.zeros((0, layers[0]), dtype=np.float32))
    except TableError:
        raise
    except FileNotFoundError as error:
        raise TableError(
            f"{error.filename} is missing.", "a folder that `shoal export` wrote", "check the path"
        ) from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        detail = f"{type(error).__name__}: {error}"
        raise TableError(
            f"{place}: the model cannot be read ({detail}).", "model.json and weights.npz", remedy
        ) from None
    return Model(about, weights)


def predict(model: Model | str | os.PathLike[str], columns: Mapping[str, Cells]) -> Prediction:
    """Mean over the model's networks of unscaled outputs, or of class probabilities; weighted by the model's ``shares``.

    Raises TableError.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    about = model.description
    x, target = encode(columns, about["encoder"]), about["encoder"]["target"]
    outputs = [
        unscale(forward(w, about["layers"], about["activation"], x), target) for w in model.weights
    ]
    if target["kind"] == "regression":
        return Prediction(np.average(outputs, axis=0, weights=about.get("shares")))
    probabilities = np.average(
        [softmax(output) for output in outputs], axis=0, weights=about.get("shares")
    )
    classes = tuple(target["classes"])
    return Prediction(
        np.array(classes, dtype=np.str_)[probabilities.argmax(axis=1)], probabilities, classes
    )


# Command line


def escape(text: str) -> str:
    """Text that a spreadsheet will not run as a formula; numbers stay as they are."""
    return "'" + text if text.startswith(_FORMULA_START) and to_number(text) is None else text


def _lines(prediction: Prediction, proba: bool) -> Iterator[list[str]]:
    likely = prediction.probabilities if proba else None
    yield ["prediction"] + (
        [f"probability {name}" for name in prediction.classes] if likely is not None else []
    )
    for row, value in enumerate(prediction.values.tolist()):
        shown = repr(value) if isinstance(value, float) else escape(value)
        yield [shown] + ([repr(p) for p in likely[row].tolist()] if likely is not None else [])


def write_predictions(
    path: str | os.PathLike[str], prediction: Prediction, *, proba: bool = False
) -> None:
    """Write a CSV with a line a row, whole or not at all. Raises OSError."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("x", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(_lines(prediction, proba))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def main(argv: Sequence[str] | None = None) -> int:
    """Predict a CSV file. Returns 0, or 2 with a message (nothing is written then)."""
    parser = argparse.ArgumentParser(
        description="Predict the rows of a CSV table with an exported Shoal model."
    )
    parser.add_argument(
        "table", type=Path, help="CSV file with the columns that the model was trained on"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), help="default: predictions.csv"
    )
    parser.add_argument(
        "--proba", action="store_true", help="add a column of probability for each class"
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(__file__).resolve().parent,
        help="default: beside this file",
    )
    options = parser.parse_args(argv)
    try:
        model = load_model(options.model)
        if options.table.stat().st_size > MAX_BYTES:
            raise TableError("the file is too large.", f"at most {MAX_BYTES:,} bytes", "split it")
        if options.out.exists() and options.out.samefile(options.table):
            raise TableError("--out is the table itself.", "another file", "choose another name")
        prediction = predict(model, parse_csv(decode(options.table.read_bytes())))
        write_predictions(options.out, prediction, proba=options.proba)
    except (TableError, OSError) as error:
        print(f"predict: {options.table}: {error}", file=sys.stderr)
        return 2
    print(f"{len(prediction.values)} predictions written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
