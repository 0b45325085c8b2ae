"""The folder of an export is whole, or is no model, whenever its writing ends."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal.export import bundle
from shoal.inference.standalone import TableError, load_model
from support.exported_models import model_of, npz


class KilledError(BaseException):
    """The process ended here."""


def contents(value: float, *, knows_its_weights: bool = True) -> dict[str, bytes]:
    """An export whose weights and shares all have one value, as bundle writes it or once wrote."""
    description, _ = model_of("amount")
    description["shares"] = [value, value]
    weights = np.full((2, 31), value, np.float32)
    model = bundle._with_weights(description, weights)
    if not knows_its_weights:
        model = {"model.json": json.dumps(description).encode(), "weights.npz": npz(weights)}
    return {"genome.json": b"{}", **model, "report.html": b""}


@pytest.mark.parametrize("knows_its_weights", [True, False])
@pytest.mark.parametrize("moved", range(5))
def test_a_folder_that_is_replaced_is_never_the_model_of_two_runs(
    moved: int, knows_its_weights: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model"
    bundle._write(contents(1.0, knows_its_weights=knows_its_weights), target)
    done: list[Path] = []
    replace = Path.replace

    def killed(file: Path, place: Path) -> Any:
        if len(done) == moved:
            raise KilledError
        done.append(place)
        return replace(file, place)

    monkeypatch.setattr(Path, "replace", killed)
    try:
        bundle._write(contents(2.0), target)
    except KilledError:
        with pytest.raises(TableError, match=r"model\.json is missing.*export the model again"):
            load_model(target)
    else:
        loaded = load_model(target)
        assert moved == len(done) == 4
        assert (loaded.weights == 2.0).all()
        assert loaded.description["shares"] == [2.0, 2.0]


def test_a_new_folder_comes_into_being_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path, place: Path) -> Any:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KilledError):
            bundle._write(contents(1.0), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []

    bundle._write(contents(1.0), tmp_path / "model")
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == sorted(contents(1.0))
    assert (tmp_path / "model").stat().st_mode == tmp_path_mode(tmp_path)


def tmp_path_mode(folder: Path) -> int:
    """The mode of folders as they are made here."""
    (folder / "made").mkdir()
    return (folder / "made").stat().st_mode


def test_what_killed_exports_left_is_removed_once_nobody_can_be_writing_there(
    tmp_path: Path,
) -> None:
    for name, age in ((".shoal-export-old", 7200), (".shoal-export-new", 60)):
        (tmp_path / name).mkdir()
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))

    bundle._write(contents(1.0), tmp_path / "model")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".shoal-export-new", "model"]
