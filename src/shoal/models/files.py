"""Read what ``shoal export`` wrote: a folder, its model.json, or the archive of the page."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from shoal.errors import ModelError
from shoal.inference import standalone
from shoal.models.model import Model, as_model_error
from shoal.system.paths import is_file_there, is_there

_DESCRIPTION = "model.json"
_WEIGHTS = "weights.npz"
# The largest files of a model; what a zip archive claims to hold is never believed.
_MOST_BYTES = {_DESCRIPTION: 2**25, _WEIGHTS: 2**31}
_EXPECTED = "a folder that `shoal export` wrote, its model.json, or the zip archive of a run"
_PIECE = 2**20


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read an exported model.

    Parameters
    ----------
    path
        A folder that ``shoal export`` wrote, its ``model.json``, or the zip archive that the page
        Champion gives.

    Returns
    -------
    Model
        It predicts rows as ``shoal predict`` does.

    Raises
    ------
    ModelError
        If a file is missing or damaged, was written by a newer version, or holds no model of a
        table.

    Notes
    -----
    After ``shoal export 1 --to model``::

        model = shoal.load_model("model")
        model.predict({"age": [30, 41], "plan": ["basic", "plus"]})
    """
    place = Path(path)
    if not is_there(place):
        raise ModelError(
            f"{place}: there is no such file or folder.",
            expected=_EXPECTED,
            remedy="check the path, or export the model: shoal export RUN --to DIR",
        )
    if not is_file_there(place):
        return _load_folder(place, str(place))
    if zipfile.is_zipfile(place):
        return _load_archive(place)
    if place.name == _DESCRIPTION:
        return _load_folder(place.parent, str(place))
    raise ModelError(
        f"{place} is no exported model.", expected=_EXPECTED, remedy="name one of these"
    )


def _load_folder(folder: Path, shown: str) -> Model:
    if is_file_there(folder / "function.json") and not is_file_there(folder / _DESCRIPTION):
        raise ModelError(
            f"{shown} holds the best point of a function, which predicts nothing.",
            expected="a model that predicts rows of a table",
            remedy="function.json in it has the point",
        )
    try:
        read = standalone.load_model(folder)
    except standalone.TableError as error:
        raise as_model_error(error, shown) from None
    return Model(read.description, read.weights)


def _load_archive(path: Path) -> Model:
    """The model in a zip archive, of which only the two files of a model are read."""
    try:
        with zipfile.ZipFile(path) as archive, TemporaryDirectory(prefix="shoal-model-") as folder:
            for name in (_DESCRIPTION, _WEIGHTS):
                _unpack(archive, name, Path(folder))
            return _load_folder(Path(folder), str(path))
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise ModelError(
            f"{path}: the archive is damaged ({standalone.reason_of(error)}).",
            expected=_EXPECTED,
            remedy="download or export it again",
        ) from None


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    """Copy a file of the archive, at its top or in a folder of it, if it is there."""
    entries = [entry for entry in archive.infolist() if PurePosixPath(entry.filename).name == name]
    if not entries:
        return
    left = _MOST_BYTES[name]
    with archive.open(entries[0]) as packed, (folder / name).open("wb") as file:
        while piece := packed.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile(f"{name} has over {_MOST_BYTES[name]:,} bytes")
            file.write(piece)
