"""From the columns of a table to what the networks see, as nodes.

Columns of a kind go through the same nodes together, so that a graph stays small. Their network
inputs are put into the encoder's order at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, chain, product
from typing import Any, NamedTuple

import numpy as np

from shoal.inference import standalone
from shoal.models.onnx.graph import ML_DOMAIN, ROWS, Graph

Column = Mapping[str, Any]

_SECONDS_A_DAY = 86_400.0
# 1970-01-01, from which days are counted, was a Thursday.
_THURSDAY = 3.0

# What numbers of a column of dates count, by what the column reads.
_SECONDS = {
    "date": "seconds since 1970-01-01 00:00 as written, without a zone",
    "time": "seconds since midnight",
    "duration": "seconds",
}


class _Part(NamedTuple):
    """Network inputs that nodes compute together.

    Attributes
    ----------
    value
        (rows, inputs) in single precision.
    places
        Which network inputs they are.
    """

    value: str
    places: list[int]


def network_inputs(graph: Graph, columns: Sequence[Column]) -> str:
    """What networks see of a table, (rows, inputs) in single precision.

    Each column becomes an input of the graph, (rows, 1): a double, or a text where the column has
    categories. What predict.py refuses becomes a number that is not finite.

    Parameters
    ----------
    graph
        Where inputs and nodes are added.
    columns
        Those of the encoder, as in model.json.
    """
    names = [_table_input(graph, column) for column in columns]
    firsts = _first_places(columns)

    parts: list[_Part] = []
    for kind, encode in _KINDS.items():
        own = [index for index, column in enumerate(columns) if column["kind"] == kind]
        if own:
            own_columns = [columns[index] for index in own]
            own_names = [names[index] for index in own]
            own_firsts = [firsts[index] for index in own]
            parts += encode(graph, own_columns, own_names, own_firsts)

    joined = graph.joined([part.value for part in parts])
    places = list(chain.from_iterable(part.places for part in parts))
    if places == sorted(places):
        return joined
    return graph.columns(joined, np.argsort(places).tolist())


def about_column(column: Column) -> str:
    """What a graph's input for a column takes, for people."""
    if column["kind"] == "categorical":
        known = [level for level in column["levels"] if level is not None]
        return f"text, one of {', '.join(map(repr, known))}; an empty text for no value"
    unit = "number"
    if column["kind"] == "date":
        unit = _SECONDS[column["reads"]]
    if column.get("fill", 0) is None:
        return f"{unit}; needed in every row"
    return f"{unit}; NaN for no value"


def type_of_column(column: Column) -> str:
    """What a graph's input for a column takes: "number", "text", or "date", "time", "duration"."""
    if column["kind"] == "categorical":
        return "text"
    if column["kind"] == "date":
        return str(column["reads"])
    return "number"


def _table_input(graph: Graph, column: Column) -> str:
    kind: type = np.float64
    if column["kind"] == "categorical":
        kind = str
    return graph.input(column["name"], kind, [ROWS, 1], about_column(column))


def _first_places(columns: Sequence[Column]) -> list[int]:
    """The first network input of each column."""
    widths = [standalone.width({"columns": [column]}) for column in columns]
    return list(accumulate(widths[:-1], initial=0))


def _scaled(graph: Graph, values: str, columns: Sequence[Column]) -> str:
    """Doubles (rows, columns), less the mean and by the scale of each, in single precision."""
    means = np.array([column["mean"] for column in columns], np.float64)
    scales = np.array([column["scale"] for column in columns], np.float64)
    centred = graph.node("Sub", values, graph.constant(means))
    return graph.cast(graph.node("Div", centred, graph.constant(scales)), np.float32)


def _encode_numbers(
    graph: Graph, columns: Sequence[Column], names: Sequence[str], firsts: Sequence[int]
) -> list[_Part]:
    numbers = graph.joined(names)
    is_missing = graph.node("IsNaN", numbers)
    # No number stands for a value that is needed: NaN stays.
    fills = [math.nan if column["fill"] is None else column["fill"] for column in columns]
    filled = graph.node("Where", is_missing, graph.constant(np.array(fills, np.float64)), numbers)

    floors = [column.get("log_floor") for column in columns]
    scaled = _scaled(graph, _with_logarithms(graph, filled, floors), columns)
    parts = [_Part(scaled, list(firsts))]

    indicated = [index for index, column in enumerate(columns) if column["missing_indicator"]]
    if indicated:
        indicators = graph.cast(graph.columns(is_missing, indicated), np.float32)
        parts.append(_Part(indicators, [firsts[index] + 1 for index in indicated]))
    return parts


def _with_logarithms(graph: Graph, numbers: str, floors: Sequence[float | None]) -> str:
    """Doubles (rows, columns), logarithms of ``max(v, floor)`` where a column has a floor."""
    if all(floor is None for floor in floors):
        return numbers
    lowest = np.array([1.0 if floor is None else floor for floor in floors], np.float64)
    logarithms = graph.node("Log", graph.node("Max", numbers, graph.constant(lowest)))

    # What is not finite has no logarithm, so that it is seen below.
    is_finite = graph.node("Less", graph.node("Abs", numbers), graph.number(math.inf))
    has_floor = graph.constant(np.array([floor is not None for floor in floors]))
    return graph.node("Where", graph.node("And", is_finite, has_floor), logarithms, numbers)


def _encode_levels(
    graph: Graph, columns: Sequence[Column], names: Sequence[str], firsts: Sequence[int]
) -> list[_Part]:
    parts = []
    for column, name, first in zip(columns, names, firsts, strict=True):
        levels = len(column["levels"])
        texts, known = _known_texts(column)
        index = graph.node(
            "LabelEncoder",
            name,
            domain=ML_DOMAIN,
            keys_strings=texts,
            values_int64s=known,
            default_int64=-1,
        )
        own = graph.constant(np.arange(levels, dtype=np.int64))
        ones = graph.cast(graph.node("Equal", index, own), np.float32)
        parts.append(_Part(ones, list(range(first, first + levels))))
    return parts


def _known_texts(column: Column) -> tuple[list[str], list[int]]:
    """Texts that are a level, and which level each is, as predict.py says it.

    A graph compares texts letter by letter. So the ways to write "no value", a truth value or a
    number, of which predict.py makes one level, all stand in it.
    """
    levels = [level for level in column["levels"] if level is not None]
    texts = list(levels)
    for level in levels:
        number = standalone.to_number(level)
        if number is not None and math.isfinite(number):
            texts.append(str(number))
    if None in column["levels"]:
        texts += _in_every_case(standalone.MISSING)
    if column.get("truth"):
        texts += _in_every_case(standalone.TRUTH)

    texts = list(dict.fromkeys(texts))
    bare = {**column, "name": "cells"}
    inputs = standalone.encode({"cells": texts}, {"columns": [bare]})
    # A text that predict.py does not know either has zeros only.
    known = [place for place, row in enumerate(inputs) if row.any()]
    return [texts[place] for place in known], inputs[known].argmax(axis=1).tolist()


def _in_every_case(words: Iterable[str]) -> list[str]:
    """Words in all spellings of small and capital letters."""
    spellings: list[str] = []
    for word in sorted(words):
        letters = [sorted({letter.lower(), letter.upper()}) for letter in word]
        spellings += map("".join, product(*letters))
    return spellings


def _encode_questions(
    graph: Graph, columns: Sequence[Column], names: Sequence[str], firsts: Sequence[int]
) -> list[_Part]:
    numbers = graph.joined(names)
    asked: list[int] = []
    thresholds: list[float] = []
    places: list[int] = []
    for index, column in enumerate(columns):
        own = column["thresholds"]
        asked += [index] * len(own)
        thresholds += own
        places += range(firsts[index], firsts[index] + len(own))

    # No comparison with NaN, which stands for missing values, is true.
    answers = graph.node(
        "Greater", graph.columns(numbers, asked), graph.constant(np.array(thresholds, np.float64))
    )
    parts = [_Part(graph.cast(answers, np.float32), places)]

    indicated = [index for index, column in enumerate(columns) if column["missing_question"]]
    if indicated:
        is_missing = graph.node("IsNaN", graph.columns(numbers, indicated))
        last = [firsts[index] + len(columns[index]["thresholds"]) for index in indicated]
        parts.append(_Part(graph.cast(is_missing, np.float32), last))
    return parts


def _encode_dates(
    graph: Graph, columns: Sequence[Column], names: Sequence[str], firsts: Sequence[int]
) -> list[_Part]:
    given = graph.node("Div", graph.joined(names), graph.number(_SECONDS_A_DAY))
    is_missing = graph.node("IsNaN", given)
    fills = np.array([column["fill"] for column in columns], np.float64)
    days = graph.node("Where", is_missing, graph.constant(fills), given)

    parts = []
    counted = [index for index, column in enumerate(columns) if column["days"]]
    if counted:
        scaled = _scaled(graph, graph.columns(days, counted), [columns[i] for i in counted])
        parts.append(_Part(scaled, [firsts[index] for index in counted]))

    for cycle in standalone.CYCLES:
        waving, places = _cycles(columns, firsts, cycle)
        if waving:
            own_days = graph.columns(days, waving)
            waves = _waves(graph, own_days, cycle, graph.columns(is_missing, waving))
            parts += [_Part(waves[0], places), _Part(waves[1], [place + 1 for place in places])]

    indicated = [index for index, column in enumerate(columns) if column["missing_indicator"]]
    if indicated:
        indicators = graph.cast(graph.columns(is_missing, indicated), np.float32)
        widths = [standalone.width({"columns": [columns[index]]}) for index in indicated]
        last = [firsts[index] + width - 1 for index, width in zip(indicated, widths, strict=True)]
        parts.append(_Part(indicators, last))
    return parts


def _cycles(
    columns: Sequence[Column], firsts: Sequence[int], cycle: str
) -> tuple[list[int], list[int]]:
    """Which columns have the cycle, and the network inputs that its cosines are."""
    waving = []
    places = []
    for index, column in enumerate(columns):
        for position, own_cycle in enumerate(column["cycles"]):
            if own_cycle == cycle:
                waving.append(index)
                places.append(firsts[index] + bool(column["days"]) + 2 * position)
    return waving, places


def _waves(graph: Graph, days: str, cycle: str, is_missing: str) -> tuple[str, str]:
    """Cosine and sine (rows, columns) of where days are in a cycle; 0 where they are missing."""
    if cycle == "week":
        days = graph.node("Add", graph.node("Floor", days), graph.number(_THURSDAY))
    turns = graph.node("Div", days, graph.number(standalone.CYCLES[cycle]))
    phase = graph.cast(graph.node("Sub", turns, graph.node("Floor", turns)), np.float32)
    angle = graph.node("Mul", phase, graph.constant(np.array(2 * math.pi, np.float32)))

    zero = graph.constant(np.zeros((), np.float32))
    cosine = graph.node("Where", is_missing, zero, graph.node("Cos", angle))
    sine = graph.node("Where", is_missing, zero, graph.node("Sin", angle))
    return cosine, sine


_Encode = Callable[[Graph, Sequence[Column], Sequence[str], Sequence[int]], list[_Part]]
_KINDS: dict[str, _Encode] = {
    "numeric": _encode_numbers,
    "categorical": _encode_levels,
    "questions": _encode_questions,
    "date": _encode_dates,
}
