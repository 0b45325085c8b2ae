"""Several target columns: amounts that one network predicts together."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shoal.data import DataOptions, Encoder, RegressionTargets, load_dataset
from shoal.data.diagnostics import check_table
from shoal.errors import DataError, SettingsError
from support.tables import mixed_table


def _table(rows: int = 60) -> pd.DataFrame:
    """The mixed table, with a second amount of another size."""
    table = mixed_table(rows)
    table["z"] = np.arange(rows) * 1000.0 + 5
    return table


@pytest.mark.parametrize(("preset", "folds"), [("modern", 1), ("modern", 3), ("classic", 1)])
def test_each_target_is_scaled_by_its_own_training_values(preset: str, folds: int) -> None:
    table = _table()[["count", "place", "y", "z"]]
    data = load_dataset(table, ["z", "y"], preset=preset, folds=folds)
    both = data.encoder.target
    assert isinstance(both, RegressionTargets) and both.names == ("z", "y")
    assert (data.outputs, data.task, data.options.targets) == (2, "regression", ("z", "y"))
    assert repr(data).endswith("regression of z, y>")

    # The very numbers of each target alone, since the split does not look at them.
    for column, target in enumerate(("z", "y")):
        others = {"z": "y", "y": "z"}
        alone = load_dataset(table.drop(columns=others[target]), target, preset=preset, folds=folds)
        assert both.offsets[column] == alone.encoder.target.offset  # type: ignore[union-attr]
        assert both.scales[column] == alone.encoder.target.scale  # type: ignore[union-attr]
        for part, own in zip(data.parts(1), alone.parts(1), strict=True):
            if part is None or own is None:
                continue
            assert part.x.tobytes() == own.x.tobytes()
            assert part.y.dtype == np.float32 and part.y.flags.c_contiguous
            assert part.y[:, column].tolist() == own.y.tolist()
            assert part.target[:, column].tolist() == own.target.tolist()

    assert data.test is not None
    np.testing.assert_allclose(data.unscale(data.test.y), data.test.target, rtol=1e-5)


def test_the_description_survives_a_record() -> None:
    data = load_dataset(_table(), ["z", "y"])
    assert Encoder.from_dict(json.loads(json.dumps(data.encoder.to_dict()))) == data.encoder
    record = json.loads(json.dumps(data.options.to_dict()))
    assert record["target"] == ["z", "y"]
    assert DataOptions.from_dict(record) == data.options


def test_names_with_commas_between_are_targets_unless_a_column_has_that_name() -> None:
    table = _table()
    assert load_dataset(table, "z, y").options.target == ("z", "y")
    assert load_dataset(table, ["y"]).options.target == "y"
    table["z, y"] = table["z"] / 7
    assert load_dataset(table, "z, y").options.target == "z, y"
    assert load_dataset(table, ("z, y", "y")).options.target == ("z, y", "y")


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        (["y", "y"], {}, r"target \['y', 'y'\]"),
        ([], {}, r"target \[\]"),
        (["y", ""], {}, "target ''"),
        (["y", 3], {}, "target 3"),
        (["y", "z"], {"task": "classification"}, "task 'classification' with 2 targets"),
        (["y", "z"], {"group": "z"}, "group 'z'"),
        (["y", "z"], {"same": "size,z"}, "same"),
        (["y", "z"], {"weight": "z"}, "column 'z' is named 2 times: as target, weight"),
    ],
)
def test_options_that_contradict_several_targets(
    target: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as error:
        load_dataset(_table(), target, **options)
    assert error.value.expected and error.value.remedy


@pytest.mark.parametrize(
    ("target", "table", "words"),
    [
        (["y", "x"], _table(), "there is no column 'x'"),
        ("y,x", _table(), "there is no column 'x'"),
        (["y", "kind"], _table(), "row 2, column 'kind': the target '.*' is not a number"),
        (["y", "size"], _table(), "column 'size': no value"),
        (["y", "z"], _table().assign(z=3.0), "the target 'z' is 3 in every row"),
        (["y", "z"], _table().assign(z=[0.0] * 59 + [1.0]), "'z' is 0 in all of the"),
    ],
)
def test_columns_that_are_no_amounts_are_refused(
    target: Any, table: pd.DataFrame, words: str
) -> None:
    with pytest.raises(DataError, match=words) as error:
        load_dataset(table, target)
    assert error.value.expected and error.value.remedy
    if not isinstance(target, str):
        assert check_table("table", table, target).bad


def test_checks_look_at_every_target() -> None:
    table = _table()
    table["twin"] = table["z"] * 2
    table["long"] = np.exp(np.linspace(0, 20, 60))
    found = check_table("table", table, ["y", "z", "long"])
    texts = "\n".join(finding.what for finding in found.findings)

    assert not found.bad
    assert "Regression of 'y': 60 different values." in texts
    assert "Regression of 'z': 60 different values." in texts
    assert "The target 'long' has a long tail" in texts
    assert "Nearly one of the targets in other words: 'twin'." in texts
    assert "60 rows, 7 features" in texts
