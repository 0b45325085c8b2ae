"""Models that are damaged, strange, of two exports, or made to harm: sentences, and no surprise."""

from __future__ import annotations

import functools
import hashlib
import json
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.inference.policy import PolicyError, load_policy
from shoal.inference.standalone import TableError, load_model, main, predict
from support.damaged_models import HARMFUL, REMOVED, changed, places, policy, with_header
from support.exported_models import TARGETS, model_of, npz, write
from support.fuzzing.targets import check_sentence
from support.property_tests import WITH_FIXTURES

ROWS = {
    "size": ["1", "", "30"],
    "kind": ["flat", "tent", ""],
    "age": ["5", "15", ""],
    "sold": ["3/4/2023", "", "2024-02-29"],
}
TABLE = "size,kind,age,sold\n1,flat,5,3/4/2023\n,tent,15,\n30,,,2024-02-29\n"


NEW = st.sampled_from([REMOVED, *HARMFUL])


def outcome(folder: Path) -> str:
    """What comes of a model: "predicts", or "refused" with a sentence. All else is raised."""
    try:
        found = predict(folder, ROWS)
    except TableError as error:
        check_sentence(str(error))
        return "refused"
    numbers = found.values if found.probabilities is None else found.probabilities
    assert np.isfinite(numbers).all()
    return "predicts"


@pytest.mark.parametrize("target", TARGETS)
def test_the_models_that_are_changed_here_are_sound(target: str, tmp_path: Path) -> None:
    assert outcome(write(tmp_path / "m", *model_of(target))) == "predicts"


@settings(max_examples=60, suppress_health_check=WITH_FIXTURES)
@given(data=st.data(), target=st.sampled_from(sorted(TARGETS)))
def test_a_description_with_another_value_is_refused_or_predicts(
    data: st.DataObject, target: str, tmp_path: Path
) -> None:
    description, weights = model_of(target)
    path = data.draw(st.sampled_from(list(places(description))))
    outcome(write(tmp_path / "m", changed(description, path, data.draw(NEW)), weights))


@pytest.mark.parametrize("value", [REMOVED, *HARMFUL])
@pytest.mark.parametrize("target", TARGETS)
def test_a_description_is_refused_whatever_stands_in_the_fields_that_count(
    target: str, value: Any, tmp_path: Path
) -> None:
    description, weights = model_of(target)
    for path in (("layers",), ("encoder",), ("encoder", "columns", 0, "levels")[:2]):
        folder = write(tmp_path / "m", changed(description, path, value), weights)
        assert outcome(folder) == "refused"


@settings(max_examples=60, suppress_health_check=WITH_FIXTURES)
@given(data=st.data())
def test_a_policy_with_another_value_is_refused_or_acts(
    data: st.DataObject, tmp_path: Path
) -> None:
    description, weights = policy()
    path = data.draw(st.sampled_from(list(places(description))))
    folder = write(tmp_path / "m", changed(description, path, data.draw(NEW)), weights)
    try:
        loaded = load_policy(folder)
        if "environment" in loaded.about:
            loaded.action([1.0, 2.0])
        loaded.act([1.0, 2.0])
    except PolicyError as error:
        check_sentence(str(error))


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a bit turned, a stretch of zeros, a part cut out, or the end cut off."""
    kind = draw(st.sampled_from(["turned", "zeros", "cut out", "cut off"]))
    start = draw(st.integers(0, len(content) - 1))
    end = min(len(content), start + draw(st.integers(1, 64)))
    if kind == "turned":
        turned = content[start] ^ (1 << draw(st.integers(0, 7)))
        return content[:start] + bytes([turned]) + content[start + 1 :]
    if kind == "zeros":
        return content[:start] + bytes(end - start) + content[end:]
    if kind == "cut out":
        return content[:start] + content[end:]
    return content[:start]


@settings(max_examples=80, suppress_health_check=WITH_FIXTURES)
@given(data=st.data())
def test_damaged_weights_are_refused_or_are_the_same(data: st.DataObject, tmp_path: Path) -> None:
    description, weights = model_of("amount")
    before = load_model(write(tmp_path / "m", description, weights)).weights
    folder = write(tmp_path / "m", description, data.draw(damage(weights)))
    if outcome(folder) == "predicts":
        np.testing.assert_array_equal(load_model(folder).weights, before)


@settings(max_examples=40, suppress_health_check=WITH_FIXTURES)
@given(data=st.data())
def test_a_damaged_description_is_refused_or_predicts(data: st.DataObject, tmp_path: Path) -> None:
    description, weights = model_of("class")
    text = json.dumps(description).encode()
    outcome(write(tmp_path / "m", data.draw(damage(text)), weights))


@pytest.mark.parametrize(
    "text", [b"", b"[" * 100_000, b"1" * 5000, b'{"format": ' + b"[" * 5000, b"\xff\xfe{", b"null"]
)
def test_text_that_is_no_description_is_refused(text: bytes, tmp_path: Path) -> None:
    assert outcome(write(tmp_path / "m", text, model_of("amount")[1])) == "refused"


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 31)}" % 10**12,
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, %d)}" % 10**12,
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 31)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 31)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, True)}",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (2, 31)}",
        b"{'descr': '<U999999', 'fortran_order': False, 'shape': (2, 31)}",
        b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 31)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 31L)}",
        b"__import__('os').abort()",
        b"{" * 9000,
        b"",
    ],
)
def test_no_room_is_made_for_what_a_header_claims(header: bytes, tmp_path: Path) -> None:
    description, _ = model_of("amount")
    description["layers"] = [8, 3, 1]
    assert outcome(write(tmp_path / "m", description, with_header(header))) == "refused"


def test_a_model_of_impossible_size_is_refused_by_its_header(tmp_path: Path) -> None:
    """35 MB of zeros would become gigabytes."""
    description, _ = model_of("amount")
    description["layers"] = [8, 2**28, 1]
    size = 8 * 2**28 + 2**28 + 2**28 + 1
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, %d)}" % size
    assert outcome(write(tmp_path / "m", description, with_header(header))) == "refused"


@pytest.mark.parametrize("place", [("columns", 1, "levels"), ("target", "classes")])
def test_texts_that_stand_twice_are_refused(place: tuple[Any, ...], tmp_path: Path) -> None:
    description, weights = model_of("class")
    path = ("encoder", *place)
    assert path in list(places(description))
    texts = functools.reduce(operator.getitem, path, description)
    doubled = changed(description, path, [texts[0], *texts[:-1]])
    with pytest.raises(TableError, match="Expected: different texts"):
        predict(write(tmp_path / "m", doubled, weights), ROWS)


def test_one_class_is_no_classification(tmp_path: Path) -> None:
    description, weights = model_of("amount")
    target = {"kind": "classification", "classes": ["a"]}
    alone = changed(description, ("encoder", "target"), target)
    with pytest.raises(TableError, match="two or more"):
        predict(write(tmp_path / "m", alone, weights), ROWS)


def test_shares_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    description, weights = model_of("amount")
    for shares in ([float("nan"), 1.0], [0.0, 0.0], [1.0], [-1.0, 2.0], [1e308, 1e308], "ab"):
        description["shares"] = shares
        with pytest.raises(TableError, match=r"model\.json: shares is .* none below 0"):
            load_model(write(tmp_path / "m", description, weights))


def test_a_prediction_that_is_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    description, _ = model_of("amount")
    size = 8 * 3 + 3 + 3 + 1
    weights = np.full((2, size), 3e38, np.float32)
    description["activation"] = "relu"
    folder = write(tmp_path / "m", description, npz(weights))
    with pytest.raises(TableError, match=r"row 4: its prediction is no finite number"):
        predict(folder, ROWS)


def test_weights_of_another_export_are_refused(tmp_path: Path) -> None:
    description, weights = model_of("amount")
    description["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    folder = write(tmp_path / "m", description, weights)
    assert outcome(folder) == "predicts"

    others = npz(np.zeros((2, 31), np.float32))
    with pytest.raises(TableError, match=r"not the file that model\.json was written with"):
        load_model(write(folder, description, others))


def test_what_is_refused_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description, weights = model_of("amount")
    folder = write(tmp_path / "m", changed(description, ("shares",), [float("nan")] * 2), weights)
    table = tmp_path / "t.csv"
    table.write_text(TABLE)

    assert main([str(table), "--model", str(folder), "--out", str(tmp_path / "p.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "p.csv").exists()


# Predictions of these models by version 0.1.0, whose exports do not say which weights are theirs.
EARLIER = {
    "amount": [56.803699, 67.314242, 75.163686],
    "amounts": [55.763451, 2.4802456, 64.50309, 4.5761467, 73.237007, 6.4539596],
    "class": [
        0.3047548,
        0.3315316,
        0.3637136,
        0.28519279,
        0.33087279,
        0.38393441,
        0.29455425,
        0.32751732,
        0.37792844,
    ],
}


@pytest.mark.parametrize("target", EARLIER)
def test_a_model_of_an_earlier_version_predicts_the_same(target: str, tmp_path: Path) -> None:
    found = predict(write(tmp_path / "m", *model_of(target)), ROWS)
    numbers = found.values if found.probabilities is None else found.probabilities
    np.testing.assert_allclose(np.ravel(numbers), EARLIER[target], rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("actions", "low"), [1e308, 0.0]),
        (("actions", "low"), [2.0, 2.0]),
        (("actions", "dtype"), "int8"),
        (("inputs", "mean"), [float("nan"), 0.0]),
        (("inputs", "deviation"), [0.0, 1.0]),
        (("inputs",), {"states": 2, "first": 10**400}),
        (("inputs",), {"states": 2, "first": 2**70}),
        (("inputs",), {"states": 2, "first": 0.5}),
        (("actions",), {"choices": 2, "first": 1e308}),
        (("actions",), {"choices": 2, "first": 2**63}),
        (("inputs",), [0.5]),
        ((), None),
        ((), [1]),
    ],
)
def test_a_policy_of_a_strange_environment_is_refused(
    path: tuple[str, ...], value: Any, tmp_path: Path
) -> None:
    description, weights = policy()
    folder = write(tmp_path / "m", changed(description, ("environment", *path), value), weights)
    if value is None:
        assert load_policy(folder).inputs is None
        return
    with pytest.raises(PolicyError, match=r"environment\.(inputs|actions) is ") as refused:
        load_policy(folder)
    check_sentence(str(refused.value))


@pytest.mark.parametrize(("low", "high"), [(-1.7e308, 1.7e308), (-1.0, 2.0), (5.0, 5.0)])
def test_a_policy_acts_within_any_limits(low: float, high: float, tmp_path: Path) -> None:
    limits = {"low": [low, low], "high": [high, high], "dtype": "float64"}
    moments = {"shape": [2], "mean": [1e308, -1e308], "deviation": [1e-300, 1e-300]}
    action = load_policy(write(tmp_path / "m", *policy(moments, limits))).action([1.0, 2.0])
    assert ((low <= action) & (action <= high)).all()


@pytest.mark.parametrize(
    ("column", "fields"),
    [
        (0, {"fill": 1e308, "scale": 1e-300}),
        (0, {"fill": 1e308, "mean": -1e308, "log_floor": None}),
        (3, {"fill": 1e308}),
        (3, {"fill": 10**300, "scale": 1}),
        (3, {"scale": 1e-300}),
        (3, {"mean": 1e308, "scale": 5e-324}),
    ],
)
def test_a_scaling_that_no_input_survives_is_refused(
    column: int, fields: dict[str, Any], tmp_path: Path
) -> None:
    description, weights = model_of("dated amount")
    description["encoder"]["columns"][column] |= fields
    with pytest.raises(TableError, match=rf"encoder\.columns\[{column}\]\.scale is ") as refused:
        load_model(write(tmp_path / "m", description, weights))
    check_sentence(str(refused.value))


@pytest.mark.parametrize("whole", [2**70, 10**200])
def test_whole_numbers_that_numpy_has_not_are_numbers(whole: int, tmp_path: Path) -> None:
    description, weights = model_of("amounts")
    description["shares"] = [1, 2**70]
    description["encoder"]["target"] |= {"scales": [0, 1], "offsets": [whole, 3]}
    found = predict(write(tmp_path / "m", description, weights), ROWS)
    assert found.values.dtype == np.float64 and (found.values[:, 0] == float(whole)).all()


@pytest.mark.parametrize("value", HARMFUL)
@pytest.mark.parametrize("kind", ["numeric", "categorical", "date"])
def test_fields_of_other_kinds_are_not_read(kind: str, value: Any, tmp_path: Path) -> None:
    description, weights = model_of("dated amount")
    before = predict(write(tmp_path / "m", description, weights), ROWS).values
    columns = description["encoder"]["columns"]
    fields = {name for column in columns for name in column} | {"thresholds", "missing_question"}
    for column in columns:
        if column["kind"] == kind:
            strange = fields - {*column, "truth", "notation", "log_floor", "extent"}
            column.update(dict.fromkeys(strange, value))
    folder = write(tmp_path / "m", description, weights)
    np.testing.assert_array_equal(predict(folder, ROWS).values, before)


@pytest.mark.parametrize("extent", [[1.0], [2.0, 1.0], ["a", "b"], 3, [0.0, 1e400]])
def test_an_extent_is_two_numbers_the_smaller_first(extent: Any, tmp_path: Path) -> None:
    description, weights = model_of("dated amount")
    description["encoder"]["columns"][0]["extent"] = extent
    with pytest.raises(TableError, match=r"columns\[0\]\.extent is ") as refused:
        load_model(write(tmp_path / "m", description, weights))
    check_sentence(str(refused.value))


@pytest.mark.parametrize("extent", [[-1e308, 1e308], [0, 0], [-(10**300), 10**300], [9e6, 9e9]])
def test_any_extent_can_be_compared_with_and_said(extent: Any, tmp_path: Path) -> None:
    description, weights = model_of("dated amount")
    for column in description["encoder"]["columns"]:
        if column["kind"] in ("numeric", "date"):
            column |= {"extent": extent, "missing_indicator": column["missing_indicator"]}
    found = predict(write(tmp_path / "m", description, weights), ROWS)
    for column, unseen in found.unseen.items():
        check_sentence(unseen.sentence(column), has_remedy=False)
