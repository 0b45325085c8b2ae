"""How objects show themselves in Python and in notebooks."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.analysis.evaluations import Evaluations
from shoal.presentation.descriptions import _DESCRIBERS
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.phase import phase_of
from shoal.system.shown import Shown

HOSTILE = "<script>alert('x')</script>\n\x1b[31m" + "long " * 100


class Elements(HTMLParser):
    """The names of all elements, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> shoal.SearchResult:
    """A search whose table has hostile names everywhere."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["<b>a</b>", "b"])
    table["<i>kept</i>"] = np.where(table["b"] > 0, "<script>yes</script>", "no")
    data = shoal.load_dataset(table, "<i>kept</i>", folds=1)
    return shoal.search(
        data,
        store=tmp_path_factory.mktemp("shown") / "shoal.db",
        name="<script>run</script>",
        population=2,
        generations=1,
        repeats=2,
        iterations=5,
        baselines=False,
    )


def shown(result: shoal.SearchResult) -> dict[str, object]:
    run = replace(result.run, name=HOSTILE, error=HOSTILE, dataset=HOSTILE)
    failed = Evaluation(Task(shoal.Genome(), 0), "failed", error=HOSTILE)
    table = pd.DataFrame({HOSTILE: np.arange(40.0) % 7, "other": np.arange(40.0) % 3})
    data = shoal.load_dataset(table, "other", task="regression", folds=1)
    swarm = shoal.Swarm([(-1, 1)] * 200)
    asked = shoal.Swarm([(-1, 1)] * 2)
    asked.tell((asked.ask() ** 2).sum(axis=1))
    return {
        "result": result,
        "result of anybody": replace(result, run=run, champion=None),
        "run": run,
        "champion": result.champion,
        "evaluations": result.evaluations,
        "no evaluations": Evaluations(),
        "evaluation": result.evaluations[0],
        "failed": failed,
        "generation": result.generations[0].summary,
        "dataset": replace(data, name=HOSTILE),
        "check": shoal.check(
            table.assign(**{HOSTILE + "id": [f"{n} texts" for n in range(40)]}), HOSTILE
        ),
        "genome": shoal.Genome(hidden_layers=(1000,) * 60),
        "training": shoal.train(data, shoal.Genome(hidden_layers=()), iterations=3),
        "minimum": shoal.minimize(lambda x: (x**2).sum(axis=1), [(-1, 1)] * 300, iterations=2),
        "swarm": swarm,
        "asked swarm": asked,
    }


def test_everything_is_shown_in_one_short_line(result: shoal.SearchResult) -> None:
    for name, thing in shown(result).items():
        line = repr(thing)
        assert len(line) < 200, name
        assert line.isprintable(), name
        assert str(thing) == line, name


def test_notebooks_get_small_escaped_tables(result: shoal.SearchResult) -> None:
    allowed = {"div", "strong", "table", "tr", "th", "td"}
    for name, thing in shown(result).items():
        html = thing._repr_html_()  # type: ignore[attr-defined]
        elements = Elements(html)
        assert not elements.open, name
        assert elements.names <= allowed, name
        assert elements.attributes <= {"style", "scope"}, name
        assert len(html) < 12_000, name
        # A background of its own, or a colour, is illegible in a notebook of the other kind.
        assert "color: #" not in html, name

    text = Elements(result._repr_html_()).text
    assert "<script>run</script>" in text
    assert "finished" in text


def test_results_name_what_they_found(result: shoal.SearchResult) -> None:
    champion = result.champion
    assert champion is not None
    assert f"{champion.score:.2f} %" in repr(champion)
    assert champion.genome.hash in repr(champion)
    test = champion.ensemble.test
    assert test is not None
    assert f"{test['accuracy']:.2f} %" in champion._repr_html_()
    assert repr(result).startswith(f"<Run {result.run.id}: ")
    assert f"{len(result.evaluations)} evaluations" in repr(result)


def test_evaluations_are_a_tuple_and_a_table(result: shoal.SearchResult) -> None:
    evaluations = result.evaluations
    assert isinstance(evaluations, tuple)
    frame = evaluations.to_frame()
    assert len(frame) == len(evaluations)

    for row, evaluation in zip(frame.to_dict("records"), evaluations, strict=True):
        task = evaluation.task
        assert row["genome"] == task.genome.hash
        assert row["repeat"] == task.repeat
        assert row["phase"] == phase_of(task.repeat)
        assert row["score"] == evaluation.score
        assert row["seconds"] == evaluation.seconds
        assert row["hidden_layers"] == task.genome.hidden_layers
        assert row["inertia_weight"] == task.genome.inertia_weight
        assert evaluation.scores is not None
        assert row["train_log_loss"] == evaluation.scores.train.log_loss


def test_a_failed_evaluation_has_no_numbers() -> None:
    failed = Evaluation(Task(shoal.Genome(), 0), "failed", error="too slow")
    frame = Evaluations([failed]).to_frame()
    assert frame["score"].isna().all()
    assert frame["score"].dtype == np.float64
    assert frame["error"].tolist() == ["too slow"]


def test_copies_of_evaluations_are_the_same(result: shoal.SearchResult) -> None:
    for again in (
        pickle.loads(pickle.dumps(result.evaluations)),
        copy.copy(result.evaluations),
    ):
        assert again == result.evaluations
        assert again.metric == result.evaluations.metric


def test_every_class_that_is_shown_has_a_description() -> None:
    for name in shoal.__all__:
        getattr(shoal, name)

    names = set()
    for kind in Shown.__subclasses__():
        if kind.__module__.startswith("shoal."):
            names.add(kind.__name__)
    assert names == set(_DESCRIBERS)
