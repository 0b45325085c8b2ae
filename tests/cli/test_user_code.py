"""Simulations of users on the command line: refused before anything is written, and their code."""

from __future__ import annotations

from pathlib import Path

import pytest

from problems.bad_simulations import BAD
from problems.user_files import PLAIN_SHOP, TINY_SEARCH, write
from shoal.problems.references import sha256_of
from shoal.problems.registry import find_simulation
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from support.processes import last_json, shoal

_TINY = SearchSettings.parse(TINY_SEARCH)


def _recorded(tmp_path: Path, text: str = PLAIN_SHOP) -> tuple[Path, Path]:
    """A store with one run of a file, which is not driven; and the file."""
    store = tmp_path / "shoal.db"
    file = write(tmp_path / "inventory.py", text)
    with open_store(store) as opened:
        opened.add_run(find_simulation(f"{file}:shop"), _TINY)
    return store, file


# ---- Bad input -------------------------------------------------------------------------------


# The sentences of all others: tests/problems/test_check.py.
ANSWERED = (
    "raises-at-import",
    "another-shape",
    "prints",
    "ends-its-process",
    "searches-as-it-is-imported",
)


@pytest.mark.parametrize("name", ANSWERED)
def test_a_bad_simulation_is_answered_in_a_sentence_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    bad = BAD[name]
    file = write(tmp_path / "inventory.py", bad.text)
    store = tmp_path / "shoal.db"

    done = shoal("run", f"{file}:shop", "--json", store=store)

    assert done.returncode == 2, done.stdout + done.stderr
    message = " ".join(done.stderr.split())
    assert bad.problem in message
    assert bad.expected in message
    assert bad.remedy in message
    assert "Traceback" not in done.stderr
    assert not store.exists()


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("no/such/inventory.py:shop", "No such file"),
        ("no_such_module:shop", "The module no_such_module is not installed here"),
        ("inventory.py", "inventory.py names no function"),
        ("gym:NoSuchEnvironment-v1", "NoSuchEnvironment-v1"),
    ],
)
def test_a_reference_to_nothing(tmp_path: Path, reference: str, problem: str) -> None:
    if reference.startswith("gym:"):
        pytest.importorskip("gymnasium")
    store = tmp_path / "shoal.db"

    done = shoal("run", reference, store=store)

    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())
    assert not store.exists()


def test_the_check_is_one_object(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", PLAIN_SHOP)

    done = shoal("check-problem", f"{file}:shop", "--json", store=tmp_path / "shoal.db")

    assert done.returncode == 0
    found = last_json(done.stdout)
    assert found["problem"] == f"{file}:shop"
    assert found["facts"]["steps"] == 20.0
    assert [finding["status"] for finding in found["findings"]] == ["good", "good", "good"]
    assert not (tmp_path / "shoal.db").exists()


def test_the_check_is_a_table_for_people(tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", BAD["prints"].text)

    done = shoal("check-problem", f"{file}:shop", store=tmp_path / "shoal.db")

    assert done.returncode == 2
    assert "prints 'ordered" in done.stdout
    assert "What to do: remove what prints" in done.stdout


def test_a_number_of_seconds_that_is_none(tmp_path: Path) -> None:
    done = shoal("check-problem", "pendulum", "--seconds", "0", store=tmp_path / "shoal.db")

    assert done.returncode == 2
    assert "more than 0" in done.stderr


# ---- A run whose code is not here ------------------------------------------------------------


def test_a_resumed_run_without_its_code_ends_with_2_and_the_remedy(tmp_path: Path) -> None:
    store, file = _recorded(tmp_path)
    file.unlink()

    done = shoal("resume", "1", "--json", store=store)

    assert done.returncode == 2
    shown = last_json(done.stdout)
    assert shown["state"] == "paused"
    assert f"{file} is not on this machine" in shown["error"]
    assert f"`shoal code RUN --to {file}`" in shown["error"]


def test_put_back_by_its_command_the_run_goes_on(tmp_path: Path) -> None:
    store, file = _recorded(tmp_path)
    file.unlink()
    shoal("resume", "1", "--json", store=store)

    written = shoal("code", "1", "--to", str(file), "--json", store=store)
    done = shoal("resume", "1", "--json", store=store)

    assert last_json(written.stdout) == {
        "run": 1,
        "file": str(file),
        "sha256": sha256_of(PLAIN_SHOP.encode()),
    }
    assert done.returncode == 0
    assert last_json(done.stdout)["state"] == "finished"


# ---- Recorded code ---------------------------------------------------------------------------


def test_the_recorded_code_is_shown(tmp_path: Path) -> None:
    store, file = _recorded(tmp_path)

    for_people = shoal("show", "1", "--code", store=store).stdout
    for_scripts = last_json(shoal("show", "1", "--code", "--json", store=store).stdout)

    assert PLAIN_SHOP in for_people
    assert f"{file}:shop" in for_people
    assert sha256_of(PLAIN_SHOP.encode()) in for_people
    assert for_scripts == {
        "run": 1,
        "reference": f"{file}:shop",
        "sha256": sha256_of(PLAIN_SHOP.encode()),
        "code": PLAIN_SHOP,
    }


def test_shown_code_does_not_command_a_terminal(tmp_path: Path) -> None:
    store, _ = _recorded(tmp_path, PLAIN_SHOP + "# \x1b]0;title\x07\n")

    shown = shoal("show", "1", "--code", store=store).stdout

    assert "\x1b" not in shown
    assert "]0;title" in shown


def test_a_file_is_not_overwritten_unless_asked_for(tmp_path: Path) -> None:
    store, _ = _recorded(tmp_path)
    mine = write(tmp_path / "mine.py", "mine\n")

    refused = shoal("code", "1", "--to", str(mine), store=store)
    assert refused.returncode == 2
    assert f"{mine} exists" in " ".join(refused.stderr.split())
    assert mine.read_text() == "mine\n"

    forced = shoal("code", "1", "--to", str(mine), "--force", store=store)
    assert forced.returncode == 0
    assert mine.read_text() == PLAIN_SHOP


def test_a_link_is_no_way_to_overwrite(tmp_path: Path) -> None:
    store, _ = _recorded(tmp_path)
    mine = write(tmp_path / "mine.py", "mine\n")
    link = tmp_path / "link.py"
    link.symlink_to(mine)

    assert shoal("code", "1", "--to", str(link), store=store).returncode == 2
    assert shoal("code", "1", "--to", str(link), "--force", store=store).returncode == 0

    assert mine.read_text() == "mine\n"
    assert link.read_text() == PLAIN_SHOP


def test_line_ends_come_back_as_they_were(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    file = tmp_path / "inventory.py"
    content = PLAIN_SHOP.replace("\n", "\r\n").encode()
    file.write_bytes(content)
    with open_store(store) as opened:
        opened.add_run(find_simulation(f"{file}:shop"), _TINY)

    shoal("code", "1", "--to", str(tmp_path / "copy.py"), store=store)

    assert (tmp_path / "copy.py").read_bytes() == content


@pytest.mark.parametrize("where", ["no/such/folder/copy.py", "."])
def test_a_place_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    store, _ = _recorded(tmp_path)

    for force in ([], ["--force"]):
        done = shoal("code", "1", "--to", str(tmp_path / where), *force, store=store)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_run_on_a_table_records_no_code(tmp_path: Path) -> None:
    from shoal.data import load_dataset

    store = tmp_path / "shoal.db"
    with open_store(store) as opened:
        opened.add_run(load_dataset("concrete"), SearchSettings())

    done = shoal("show", "1", "--code", store=store)

    assert done.returncode == 2
    assert "Run 1 solves a table: it records no code" in " ".join(done.stderr.split())


def test_a_settings_file_names_code_as_seen_from_the_file(tmp_path: Path) -> None:
    write(tmp_path / "models" / "inventory.py", BAD["prints"].text)
    settings = write(tmp_path / "models" / "run.toml", 'data = "inventory.py:shop"\n')

    done = shoal("run", "--settings", str(settings), store=tmp_path / "shoal.db", cwd=tmp_path)

    assert done.returncode == 2
    assert "prints 'ordered" in " ".join(done.stderr.split())
