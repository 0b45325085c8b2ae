"""What pages say of a run's model, computed in a process beside the server.

A page asks again and again, and never waits: it draws what is known by then. The process stays for
a while, with the table in its memory, since a visitor goes on to the next column.

    figures = ModelFigures(store.raw_url)
    figures.of(run, "age")      # nothing at first; the rest comes in the order of `Known`
"""

from __future__ import annotations

import base64
import os
import pickle
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from shoal.analysis.champion_rows import ChampionRows, champion_rows
from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.analysis.diagnostics import Diagnostics, diagnostics
from shoal.analysis.input_importance import InputImportances, input_importances, usual_repeats
from shoal.analysis.partial_dependence import PartialDependence, partial_dependence
from shoal.analysis.summary import load_champion
from shoal.errors import RunStateError, ShoalError
from shoal.replay.page_processes import PageProcesses, Work
from shoal.replay.process import child_environment
from shoal.store import RunView, open_store
from shoal.system.child import ABANDONED_CODE, Entry, Parent, answer, prints_dropped, send

# A process that nobody has asked for this long ends: it holds a table in its memory.
IDLE_SECONDS = 120.0
# Runs whose figures are kept in memory.
MOST_RUNS = 16


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model as soon as its table is read.

    Attributes
    ----------
    rows
        How many test rows there are.
    columns
        Names of the columns that are inputs.
    inputs, outputs
        Names of the network's inputs, and of what it predicts.
    layers
        Sizes of the network's layers.
    is_share
        Whether predictions are probabilities of classes.
    """

    rows: int
    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layers: tuple[int, ...]
    is_share: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is known by now, None for what is still computed.

    Attributes
    ----------
    facts, diagnostics, importances
        Of the model, in the order in which they come.
    dependence
        Of the column that was asked for.
    error
        Why there is no more to come.
    dependence_error
        Why there is nothing for this column.
    """

    facts: ModelFacts | None = None
    diagnostics: Diagnostics | None = None
    importances: InputImportances | None = None
    dependence: PartialDependence | None = None
    error: str | None = None
    dependence_error: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing more is to come."""
        if self.error is not None:
            return True
        of_column = self.dependence is not None or self.dependence_error is not None
        return self.importances is not None and of_column


class _Run(Work):
    """The figures of one run."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: ModelFacts | None = None
        self.diagnostics: Diagnostics | None = None
        self.importances: InputImportances | None = None
        self.dependences: dict[str, PartialDependence] = {}
        self.errors: dict[str, str] = {}
        self.error: str | None = None
        # Columns that the process was asked for.
        self.asked: set[str] = set()

    def take(self, values: Mapping[str, Any]) -> None:
        if "error" in values:
            if values.get("column") is None:
                self.error = values["error"]
            else:
                self.errors[values["column"]] = values["error"]
            return
        # What our own child has packed.
        content = pickle.loads(base64.b64decode(values["content"]))
        if values["kind"] == "dependence":
            self.dependences[content.column] = content
        else:
            setattr(self, values["kind"], content)

    def end(self, reason: str) -> None:
        self.error = self.error or f"The model could not be looked at: {reason}."

    def known(self, column: str | None) -> Known:
        """What is known by now, see `ModelFigures.of`."""
        if column is None and self.importances is not None:
            column = self.importances.inputs[0].column
        return Known(
            facts=self.facts,
            diagnostics=self.diagnostics,
            importances=self.importances,
            dependence=self.dependences.get(column or ""),
            error=self.error,
            dependence_error=self.errors.get(column or ""),
        )

    @property
    def is_idle(self) -> bool:
        """Whether the process has answered all that it was asked for."""
        answered = self.dependences.keys() | self.errors.keys()
        return self.importances is not None and self.asked <= answered


class ModelFigures(PageProcesses[tuple[int, float | None], _Run]):
    """The figures of the models in one store, for all threads that ask.

    A run's key has its end, too: it may have gone on and ended again.

    Parameters
    ----------
    store
        The store's address, password included.
    """

    entry = Entry.MODEL_FIGURES
    most_kept = MOST_RUNS

    def __init__(self, store: str) -> None:
        super().__init__(partial(child_environment, store))

    def of(self, run: RunView, column: str | None) -> Known:
        """What is known by now; who goes on asking has it computed.

        Parameters
        ----------
        run
            A run of a table, with a champion.
        column
            Whose partial dependence is wanted; None: that of the most important column.
        """
        with self._lock:
            own = self._asked((run.id, run.ended), _Run)
            known = own.known(column)
            if not known.is_all:
                self._compute(run.id, own, column)
            return known

    def _compute(self, run_id: int, own: _Run, column: str | None) -> None:
        """Ask the process of a run, or start one; nothing while that of another run is at work."""
        if own.child is not None:
            own.child.sign_of_life()
        else:
            own.asked.clear()
            self._start(own, {"run": run_id, "all": own.importances is None, "idle": IDLE_SECONDS})
        if own.child is not None and column is not None and column not in own.asked:
            own.asked.add(column)
            with suppress(OSError):
                send(own.child.process, {"column": column})

    def _gives_way(self, other: _Run, work: _Run) -> bool:
        return other.is_idle


# ---- In the process --------------------------------------------------------------------------


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process: it answers with packed figures until nobody asks any more.

    It keeps its priority: somebody waits, and a search beside it would leave it nothing.
    """
    request = parent.request()
    _end_when_idle(parent, request["idle"])
    try:
        with prints_dropped():
            rows = _rows(request["run"])
            if request["all"]:
                _answer_all(rows)
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code

    while (asked := parent.request()) is not None:
        _answer_column(rows, asked["column"])
    return 0


def _rows(run_id: int) -> ChampionRows:
    with open_store(create=False) as store:
        champion = load_champion(store, store.run(run_id))
        if champion is None:
            raise RunStateError(f"Run {run_id} has kept no champion.", expected="a finished run")
        return champion_rows(store.load_problem(run_id), champion)


def _answer_all(rows: ChampionRows) -> None:
    dataset = rows.problem.dataset
    facts = ModelFacts(
        rows=len(rows.part.rows),
        columns=tuple(rows.columns),
        inputs=tuple(dataset.encoder.inputs),
        outputs=tuple(rows.outputs),
        layers=tuple(rows.problem.network(rows.champion.genome).layers),
        is_share=dataset.task == "classification",
    )
    _send("facts", facts)

    found = diagnostics(rows)
    if isinstance(found, ClassDiagnostics):
        # Computed here, they are packed with it.
        _ = found.curves, found.calibration
    _send("diagnostics", found)

    importances = input_importances(rows, repeats=usual_repeats(rows))
    _send("importances", importances)
    # A page shows that of the most important column first.
    _answer_column(rows, importances.inputs[0].column)


def _answer_column(rows: ChampionRows, column: str) -> None:
    try:
        with prints_dropped():
            found = partial_dependence(rows, column)
    except ShoalError as error:
        answer(error=str(error), column=column)
    else:
        _send("dependence", found)


def _send(kind: str, content: object) -> None:
    answer(kind=kind, content=base64.b64encode(pickle.dumps(content)).decode())


def _end_when_idle(
    parent: Parent, seconds: float, clock: Callable[[], float] = time.monotonic
) -> None:
    """End this process when its parent has sent nothing for so long."""

    def wait() -> None:
        while (left := parent.last_sign + seconds - clock()) > 0:
            time.sleep(left)
        os._exit(ABANDONED_CODE)

    threading.Thread(target=wait, daemon=True).start()
