"""Runs as runs of Weights & Biases, offline unless its mode is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.api import SearchResult
from shoal.store import RunView
from shoal.trackers.base import (
    Tracker,
    exported,
    final_metrics,
    genome_of,
    identity_of,
    name_of,
    settings_of,
)


class WandB(Tracker):
    """One run of Weights & Biases for each search; ``wandb sync`` uploads what was written offline.

    Parameters
    ----------
    folder
        Where its folder ``wandb`` is; None: here.
    project
        The project.
    mode
        "offline", "online" or "disabled"; None: WANDB_MODE, or else offline.
    """

    def __init__(
        self, folder: str | None = None, project: str = "shoal", mode: str | None = None
    ) -> None:
        self._folder = Path(folder or ".")
        self._project = project
        self._mode = mode or os.environ.get("WANDB_MODE", "offline")
        self._run: Any = None
        # Offline, W&B cannot say what an earlier process has written.
        self._note = self._folder

    def begin(self, run: RunView) -> int:
        """Begin a run, or go on with the one of the same identity."""
        import wandb

        identity = identity_of(run)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._note = self._folder / "wandb" / f"shoal-{identity}.step"
        self._run = wandb.init(
            project=self._project,
            id=identity,
            name=name_of(run),
            dir=str(self._folder),
            mode=self._mode,  # type: ignore[arg-type]
            resume="allow",
            config=dict(settings_of(run)),
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        return int(self._note.read_text()) if self._note.exists() else 0

    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers of a generation."""
        self._run.log(dict(metrics), step=step)
        self._note.write_text(str(step))

    def on_end(self, result: SearchResult) -> None:
        """Write what a run has found, and finish."""
        import wandb

        self._run.config.update(dict(genome_of(result)), allow_val_change=True)
        self._run.summary.update(final_metrics(result))
        with exported(result) as folder:
            if folder is not None:
                artifact = wandb.Artifact(f"champion-{identity_of(result.run)}", type="model")
                # Adding the folder as a whole prints a line.
                for file in sorted(folder.iterdir()):
                    artifact.add_file(str(file))
                self._run.log_artifact(artifact)
            # What it uploads is copied before the folder goes.
            self._run.finish(exit_code=int(result.run.state == "failed"))
