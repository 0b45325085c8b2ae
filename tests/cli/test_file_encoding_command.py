"""`--file-encoding` by the command line: check, run, export, the same search again, predict."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoal.cli.main import app
from support.processes import last_json, shoal

TINY = ("--population", "4", "--generations", "1", "--iterations", "20")
ROWS = [("Москва", 0), ("Киев", 1), ("Тула", 2), ("Уфа", 3)]


def table(folder: Path, encoding: str, rows: int = 120) -> Path:
    lines = ["город,size,y"]
    for row in range(rows):
        town, number = ROWS[row % 4]
        lines.append(f"{town},{row % 7},{number * 10 + row % 7}.5")
    path = folder / f"towns-{encoding}.csv"
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return path


def check(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", *arguments])
    return done.exit_code, " ".join(done.output.split())


def test_check_names_the_option_and_takes_it(tmp_path: Path) -> None:
    pytest.importorskip("charset_normalizer")
    path = str(table(tmp_path, "cp1251"))
    code, said = check(path, "--target", "y")
    assert code == 0 and "in Windows-1251 that was read as Windows-1252" in said
    assert "(--file-encoding cp1251)" in said

    code, said = check(path, "--target", "y", "--file-encoding", "windows-1251")
    assert code == 0 and "город" in said and "Windows-1252" not in said
    found = json.loads(
        CliRunner()
        .invoke(app, ["check", path, "--target", "y", "--file-encoding", "cp1251", "--json"])
        .stdout
    )
    assert found["columns"][0]["name"] == "город"
    assert not any(finding["file_encoding"] for finding in found["findings"])


def test_a_search_of_a_file_in_another_encoding_is_that_of_its_utf8(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    (tmp_path / "short.toml").write_text("baselines = false\nfinalists = 0\n")
    given = ["--target", "y", "--settings", str(tmp_path / "short.toml"), *TINY, "--json"]
    plain = last_json(shoal("run", str(table(tmp_path, "utf-8")), *given, store=store).stdout)
    named = last_json(
        shoal(
            "run",
            str(table(tmp_path, "cp1251")),
            *given,
            "--file-encoding",
            "Windows-1251",
            store=store,
        ).stdout
    )
    assert named["result_hash"] == plain["result_hash"]
    assert "file_encoding" not in plain["data_options"]
    assert named["data_options"] == {**plain["data_options"], "file_encoding": "cp1251"}
    shown = shoal("show", str(named["run"]), store=store).stdout
    assert "read in cp1251" in " ".join(shown.split())

    model = tmp_path / "model"
    assert shoal("export", str(named["run"]), "--to", str(model), store=store).returncode == 0
    settings = tomllib.loads((model / "settings.toml").read_text("utf-8"))
    assert settings["file_encoding"] == "cp1251"
    assert "cp1251" in (model / "report.html").read_text("utf-8")
    again = shoal(
        "run",
        str(table(tmp_path, "cp1251")),
        *("--settings", str(model / "settings.toml"), "--json"),
        store=store,
    )
    assert last_json(again.stdout)["result_hash"] == plain["result_hash"]

    # New rows have an encoding of their own.
    predictions = []
    for encoding, option in (("utf-8", []), ("koi8-r", ["--file-encoding", "koi8-r"])):
        out = tmp_path / f"{encoding}.out"
        rows = str(table(tmp_path, encoding, 20))
        done = shoal("predict", str(model), rows, "--out", str(out), *option, store=store)
        assert done.returncode == 0, done.stderr
        predictions.append(out.read_bytes())
    assert predictions[0] == predictions[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "{}", "--target", "y"], "Did you mean 'cp1251'"),
        (["run", "{}", "--target", "y"], "Did you mean 'cp1251'"),
        (["run", "rastrigin"], "file_encoding='cp-1251' is an option of tables"),
    ],
)
def test_what_is_no_encoding_writes_nothing(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    path = str(table(tmp_path, "cp1251"))
    words = [path if word == "{}" else word for word in arguments]
    done = shoal(*words, "--file-encoding", "cp-1251", store=tmp_path / "shoal.db")
    assert done.returncode == 2 and said in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "shoal.db").exists()


def test_a_wrong_byte_is_said_with_its_place(tmp_path: Path) -> None:
    path = table(tmp_path, "cp1251")
    done = shoal(
        *("check", str(path), "--target", "y", "--file-encoding", "shift_jis"),
        store=tmp_path / "shoal.db",
    )
    assert done.returncode == 2
    assert "line 1, character " in done.stderr and ": the byte 0x" in done.stderr
    assert "is no text in shift_jis" in done.stderr and "What to do: name" in done.stderr
