"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import shoal

SOURCE = Path(shoal.__file__).parent

# The modules of what users call have an example each. Others may have some.
PUBLIC = (
    "shoal.api",
    "shoal.manager",
    "shoal.estimators",
    "shoal.errors",
    "shoal.data.preparation",
    "shoal.data.dataset",
    "shoal.genome.genome",
    "shoal.inference.standalone",
    "shoal.objectives.losses",
    "shoal.objectives.metrics",
)


def modules_with_examples() -> list[str]:
    """Names of all modules whose source has an example."""
    names = []
    for path in sorted(SOURCE.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_of_a_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What examples write goes to `folder`; nothing else of this machine is touched.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    module = import_module(name)
    result = doctest.testmod(module, extraglobs={"folder": tmp_path})
    assert result.attempted > 0
    assert result.failed == 0, capsys.readouterr().out


def test_every_public_module_has_examples() -> None:
    assert set(PUBLIC) <= set(modules_with_examples())


def test_a_wrong_example_is_found() -> None:
    """Doctest is not silenced: an example that shows something else fails."""
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    messages: list[str] = []
    result = doctest.DocTestRunner().run(wrong, out=messages.append)
    assert result.failed == 1
    assert "Expected" in "".join(messages)
