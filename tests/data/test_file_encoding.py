"""The option that names a file's text encoding, through all that reads files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shoal.data import DataOptions, load_dataset, prepare_new, read_table, table_from_bytes
from shoal.data.diagnostics import check
from shoal.data.file_encoding import parse_file_encoding
from shoal.data.table_io import cells_from_bytes, read_cells
from shoal.data.upload import cells_from_upload, table_from_upload
from shoal.errors import DataError, ModelError, SettingsError
from shoal.inference import standalone
from shoal.inference.standalone import PieceReader, TableError, decode, parse_csv, read_csv
from shoal.models.model import Model
from support.exported_models import untrained_model

TOWNS = ["Москва", "Киев", "Тула", "Уфа"]
SOME = 400


def text(words: list[str] = TOWNS, rows: int = SOME, name: str = "город") -> str:
    lines = [f"{name},size,y"]
    for row in range(rows):
        lines.append(f"{words[row % len(words)]},{row % 7},{row * 13 % 50}.5")
    return "\n".join([*lines, ""])


def file(folder: Path, encoding: str = "cp1251", content: str = "") -> Path:
    path = folder / "t.csv"
    path.write_bytes((content or text()).encode(encoding))
    return path


# Names


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("cp1251", "cp1251"),
        ("Windows-1251", "cp1251"),
        ("UTF8", "utf-8"),
        ("latin1", "iso8859-1"),
        ("SHIFT-JIS", "shift_jis"),
        ("utf-16-le", "utf-16-le"),
    ],
)
def test_python_names_are_taken_in_any_spelling(given: str, known: str) -> None:
    assert parse_file_encoding(given) == known
    assert DataOptions.of_new_run("y", file_encoding=given).file_encoding == known


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cp-1251", "file encoding 'cp-1251': .*Did you mean 'cp1251'"),
        ("windows1250", "Did you mean 'cp1250'"),
        ("nonsense", "'nonsense': Python has no text encoding of that name. Expected: "),
        ("base64", "no text encoding"),
        ("rot13", "no text encoding"),
        ("idna", "no text encoding"),
        ("unicode_escape", "no text encoding"),
        ("undefined", "no text encoding"),
        ("", "no text encoding"),
        ("a\0b", "no text encoding"),
        ("\ud800", "no text encoding"),
        ("x" * 9999, "no text encoding"),
        (3, "file_encoding 3. Expected: the name"),
    ],
)
def test_what_is_no_encoding_of_files_is_refused(given: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_file_encoding(given)
    with pytest.raises(SettingsError, match=said):
        load_dataset(file(tmp_path), "y", file_encoding=given)  # type: ignore[arg-type]


def test_what_is_no_csv_file_has_no_encoding_to_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(40), "y": np.arange(40) * 1.5})
    with pytest.raises(SettingsError, match="file_encoding 'cp1251' for a table in memory"):
        load_dataset(frame, "y", file_encoding="cp1251")
    frame.to_parquet(tmp_path / "t.parquet")
    for read in (read_table, read_cells):
        with pytest.raises(SettingsError, match=r"for the Parquet file t.parquet"):
            read(tmp_path / "t.parquet", "cp1251")
    content = (tmp_path / "t.parquet").read_bytes()
    for from_bytes in (table_from_bytes, cells_from_bytes):
        with pytest.raises(SettingsError, match="for the Parquet file t"):
            from_bytes("t", content, file_encoding="cp1251")
    for from_upload in (table_from_upload, cells_from_upload):
        with pytest.raises(SettingsError, match="for the Parquet file t"):
            from_upload("t", content, "cp1251")


# Reading


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (TOWNS, "cp1251"),
        (TOWNS, "koi8-r"),
        (TOWNS, "mac-cyrillic"),
        (TOWNS, "utf-16-be"),
        (TOWNS, "utf-8"),
        (["北京", "上海", "广州"], "gb18030"),
        (["東京", "大阪", "表示"], "shift_jis"),
        (["Łódź", "żółty", "Źdźbło"], "cp1250"),
        (["größe", "für"], "cp037"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_is_named(
    words: list[str], encoding: str, tmp_path: Path
) -> None:
    path = file(tmp_path, encoding, text(words, name="a"))
    _, table = read_table(path, encoding)
    assert table["a"].tolist()[: len(words)] == words
    assert table.file_encoding == parse_file_encoding(encoding)
    assert [*read_cells(path, encoding)["a"]][: len(words)] == words


def test_without_the_option_it_is_recognised_as_ever(tmp_path: Path) -> None:
    path = file(tmp_path)
    _, table = read_table(path)
    assert table.columns[0] == "ãîðîä" and table.file_encoding == "cp1252"
    assert read_table(file(tmp_path, "utf-8"))[1].file_encoding == "utf-8-sig"
    assert read_table("concrete")[1].file_encoding == "utf-8-sig"


PIECE = 2_000


@pytest.mark.parametrize(
    "encoding", ["cp1251", "utf-16-le", "gb18030", "utf-7", "iso2022_jp", "utf-8"]
)
def test_a_large_file_is_read_in_pieces(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from shoal.data.arrow_csv import ArrowReader

    monkeypatch.setattr(standalone, "_HEAD", 64)
    monkeypatch.setattr(standalone, "_SEARCHED_ROWS", 8)
    monkeypatch.setattr(standalone, "_BEGINNING_BYTES", 256)
    monkeypatch.setattr(standalone, "_BEGINNING_LINES", 10)
    data = text().encode(encoding)
    whole = parse_csv(decode(data, encoding))

    def refuse(data: bytes, encoding: str | None) -> tuple[str, str]:
        raise AssertionError("it was decoded as a whole" if len(data) > PIECE else "")

    real = standalone._decoded
    monkeypatch.setattr(
        standalone,
        "_decoded",
        lambda data, encoding: (refuse if len(data) > 3 * PIECE else real)(data, encoding),
    )
    for reader in (PieceReader(PIECE), ArrowReader(PIECE)):
        found = read_csv(io.BytesIO(data), reader, encoding)
        assert {name: [*cells] for name, cells in found.items()} == whole
        assert found.encoding == encoding


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "utf-8", "gb18030"])
def test_a_wrong_byte_is_said_from_pieces_and_as_a_whole(encoding: str) -> None:
    lines = text(rows=2_000).encode(encoding).split(" y".encode(encoding))
    wrong = {"cp1251": b"\x98", "utf-16": b"\x00\xdc", "utf-8": b"\xff", "gb18030": b"\xff"}
    data = b"".join(lines) + wrong[encoding] + "a,1,2\n".encode(encoding.replace("16", "16-le"))
    with pytest.raises(TableError) as whole:
        decode(data, encoding)
    assert "line 2002, character 1: the byte 0x" in str(whole.value)
    assert f"is no text in {encoding}" in str(whole.value)
    with pytest.raises(TableError) as in_pieces:
        read_csv(io.BytesIO(data), PieceReader(PIECE), encoding)
    assert str(in_pieces.value) == str(whole.value)


def test_a_wrong_byte_is_an_error_with_its_place_and_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text(rows=20).encode("cp1251").replace("Уфа".encode("cp1251"), b"\xd3\x98", 1))
    with pytest.raises(DataError) as refused:
        read_table(path, "cp1251")
    assert refused.value.problem == (
        "t.csv: line 5, character 2: the byte 0x98 (number 52 of the file) is no text in cp1251; "
        "it stands behind 'У'."
    )
    assert "name the encoding that the file was saved in (--file-encoding" in refused.value.remedy
    with pytest.raises(DataError, match="the file is UTF-8"):
        read_table(file(tmp_path, "utf-8"), "ascii")


def test_a_mark_of_utf8_contradicts_another_encoding(tmp_path: Path) -> None:
    path = file(tmp_path, "utf-8-sig")
    with pytest.raises(DataError, match=r"begins with the byte order mark of UTF-8.*cp1251"):
        read_table(path, "cp1251")
    with pytest.raises(TableError, match="begins with the byte order mark"):
        read_csv(io.BytesIO(path.read_bytes()), PieceReader(PIECE), "cp1251")
    assert read_table(path, "utf-8")[1].columns[0] == "город"
    assert read_table(path, "utf-8-sig")[1].columns[0] == "город"


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(TableError, match="line 2: half a character"):
        decode(b"a,b\n+2AA-,1\n", "utf-7")


def test_a_file_that_is_not_text_says_that_its_encoding_can_be_named(tmp_path: Path) -> None:
    path = file(tmp_path, "cp1250", text(["Źrebak", "ťava"], name="a"))
    with pytest.raises(DataError, match=r"not text.*--file-encoding NAME, such as cp1250"):
        read_table(path)
    assert read_table(path, "cp1250")[1]["a"].tolist()[:2] == ["Źrebak", "ťava"]
    path.write_bytes(text().encode("utf-16-le"))
    with pytest.raises(DataError, match=r"NUL.*--file-encoding utf-16-le"):
        read_table(path)
    assert read_table(path, "utf-16-le")[1].columns[0] == "город"


def test_the_process_that_reads_uploads_honours_it() -> None:
    content = text().encode("cp1251")
    table = table_from_upload("t.csv", content, "Windows-1251")
    assert table["город"].tolist()[:4] == TOWNS and table.file_encoding == "cp1251"
    assert cells_from_upload("t.csv", content, "cp1251")["город"][:4] == TOWNS
    assert table_from_upload("t.csv", content).columns[0] == "ãîðîä"
    with pytest.raises(SettingsError, match=r"'cp-1251'.*Did you mean 'cp1251'"):
        table_from_upload("t.csv", content, "cp-1251")


# Options of the data


def test_it_is_recorded_where_it_was_named_alone(tmp_path: Path) -> None:
    data = load_dataset(file(tmp_path), "y", file_encoding="windows-1251")
    recorded = data.options.to_dict()
    assert recorded["file_encoding"] == "cp1251"
    assert DataOptions.from_dict(json.loads(json.dumps(recorded))) == data.options
    plain = load_dataset(file(tmp_path, "utf-8"), "y")
    assert "file_encoding" not in plain.options.to_dict()
    # It changes nothing but how the file is read.
    assert plain.train.x.tobytes() == data.train.x.tobytes()
    assert plain.encoder == data.encoder


def test_a_run_of_an_encoding_that_this_python_lacks_opens() -> None:
    recorded = {"target": "y", "file_encoding": "oem"}
    assert DataOptions.from_dict(recorded).file_encoding == "oem"
    with pytest.raises(SettingsError, match="'ome'"):
        prepare_new("t", pd.DataFrame({"y": range(40)}), "y", file_encoding="ome")


def test_check_reads_the_file_in_it(tmp_path: Path) -> None:
    checked = check(file(tmp_path), "y", file_encoding="cp1251")
    assert checked.dataset is not None and checked.dataset.options.file_encoding == "cp1251"
    assert "город" in checked.dataset.encoder.to_dict()["columns"][0]["name"]
    assert not any(one.file_encoding for one in checked.findings)


# Predictions


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of the table, with weights that nobody trained."""
    data = load_dataset(file(tmp_path, "utf-8"), "y")
    folder = untrained_model(tmp_path / "model", data, hidden=3)
    (folder / "predict.py").write_bytes(Path(standalone.__file__).read_bytes())
    return folder


def test_new_rows_have_an_encoding_of_their_own(model: Path, tmp_path: Path) -> None:
    loaded = standalone.load_model(model)
    predictor = Model(loaded.description, loaded.weights)
    expected = predictor.predict(file(tmp_path, "utf-8")).tobytes()
    path = file(tmp_path, "koi8-r")
    assert predictor.predict(path, file_encoding="koi8-r").tobytes() == expected
    rows = predictor.predict_rows(path, file_encoding="koi8_r")
    assert rows.values.tobytes() == expected and not rows.unseen
    assert predictor.predict_each(path, file_encoding="koi8-r").shape == (3, SOME)
    with pytest.raises(SettingsError, match="rows in memory"):
        predictor.predict({"город": ["Уфа"], "size": [1]}, file_encoding="koi8-r")
    with pytest.raises(ModelError, match="'город'"):
        predictor.predict(path)


def test_predict_py_takes_it(model: Path, tmp_path: Path) -> None:
    def predict(encoding: str, *options: str) -> tuple[int, str, bytes]:
        out = tmp_path / "out.csv"
        out.unlink(missing_ok=True)
        arguments = [str(file(tmp_path, encoding)), "--out", str(out), *options]
        done = subprocess.run(
            [sys.executable, str(model / "predict.py"), *arguments],
            capture_output=True,
            check=False,
        )
        written = out.read_bytes() if out.exists() else b""
        return done.returncode, done.stderr.decode(), written

    plain = predict("utf-8")
    assert plain[0] == 0 and predict("cp1251", "--file-encoding", "windows-1251") == plain
    code, said, written = predict("cp1251", "--file-encoding", "cp-1251")
    assert (code, written) == (2, b"") and "Did you mean 'cp1251'" in said
