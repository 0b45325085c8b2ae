"""Runs as event files for TensorBoard, written without TensorFlow and without Torch."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.api import SearchResult
from shoal.store import RunView
from shoal.trackers.base import Tracker, final_metrics, genome_of, identity_of, settings_of


class TensorBoard(Tracker):
    """A folder of event files for each search: scalars by generation, settings and genome as text.

    ``tensorboard --logdir FOLDER`` shows them.

    Parameters
    ----------
    folder
        Where the folders of runs are; None: "runs".
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = Path(folder or "runs")
        self._writer: Any = None

    def begin(self, run: RunView) -> int:
        """Open the run's folder, and see what is in it."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        place = self._place_of(run)
        last = _last_step(place)
        self._writer = EventFileWriter(str(place))
        if not last:
            self._write_text("settings", settings_of(run))
        return last

    def _place_of(self, run: RunView) -> Path:
        """The run's folder, by whose name TensorBoard calls it; one of before, if there is one."""
        identity = identity_of(run)
        for place in sorted(self._folder.glob(f"*-{identity}")):
            return place
        name = re.sub(r"[^\w.]+", "-", run.name)[:40]
        return self._folder / f"{run.id}-{name}-{identity}"

    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers of a generation."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._write(Summary(value=values), step)

    def on_end(self, result: SearchResult) -> None:
        """Write what a run has found, and close the file."""
        self.write_metrics(final_metrics(result), result.run.generations)
        self._write_text("genome", genome_of(result))
        self._writer.close()

    def _write_text(self, tag: str, values: Mapping[str, str]) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb

        if values:
            rows = [f"|{name}|{value}|" for name, value in values.items()]
            self._write(text_pb(tag, "\n".join(["|name|value|", "|---|---|", *rows])), 0)

    def _write(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        self._writer.flush()


def _last_step(folder: Path) -> int:
    """The last step of the event files in a folder; 0: there is none."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    last = 0
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(file)).Load():
            last = max(last, event.step)
    return last
