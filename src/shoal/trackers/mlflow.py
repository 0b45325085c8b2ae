"""Runs as runs of MLflow."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shoal._version import __version__
from shoal.api import SearchResult
from shoal.store import RunView
from shoal.trackers import base
from shoal.trackers.shoal_mlflow_model import write_model

_TAG = "shoal.run"
# Texts of MLflow are no longer.
_MOST = 6000
# MLflow's states by ours; any other run was killed.
_STATES = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}
_PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's log, warnings included, and its bars: a run has progress of its own."""
    # It sets its level when it is imported.
    import mlflow  # noqa: F401

    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    bar = os.environ.get(_PROGRESS_BAR)
    os.environ[_PROGRESS_BAR] = "false"
    try:
        yield
    finally:
        logger.setLevel(level)
        del os.environ[_PROGRESS_BAR]
        if bar is not None:
            os.environ[_PROGRESS_BAR] = bar


class MLflow(base.Tracker):
    """One run of MLflow for each search: metrics, settings and genome, the export, the model.

    The model is a pyfunc from code, which needs no Shoal: ``mlflow.pyfunc.load_model(uri)``.

    Parameters
    ----------
    uri
        Where to track, such as "sqlite:///mlflow.db"; None: MLFLOW_TRACKING_URI, or as MLflow does.
    experiment
        The experiment, made if missing.
    """

    def __init__(self, uri: str | None = None, experiment: str = "shoal") -> None:
        self._uri = uri
        self._experiment = experiment
        self._client: Any = None
        self._id = ""

    @_quiet()
    def begin(self, run: RunView) -> int:
        """Make a run, or find the one of before by its tag."""
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self._uri)
        known = self._client.get_experiment_by_name(self._experiment)
        place = known.experiment_id if known else self._client.create_experiment(self._experiment)
        tag = base.identity_of(run)
        found = self._client.search_runs([place], f"tags.`{_TAG}` = '{tag}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            written = self._client.get_metric_history(self._id, "evaluations")
            return max((metric.step for metric in written), default=0)

        tags = {_TAG: tag, "shoal.version": __version__}
        tags |= {"mlflow.note.content": base.about(run), "mlflow.source.name": "shoal"}
        made = self._client.create_run(place, tags=tags, run_name=base.name_of(run))
        self._id = made.info.run_id
        self._write({}, 0, base.settings_of(run))
        if run.is_table:
            self._write_data(run)
        return 0

    def write_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers of a generation."""
        self._write(metrics, step, {})

    def on_end(self, result: SearchResult) -> None:
        """Write what a run has found, and how it ended."""
        self._write(base.final_metrics(result), result.run.generations, base.genome_of(result))
        with _quiet(), base.exported(result) as folder:
            if folder is not None:
                self._client.log_artifacts(self._id, str(folder), "export")
                if (folder / "predict.py").exists():
                    write_model(folder, self._client.tracking_uri, self._id)
        self._client.set_terminated(self._id, _STATES.get(result.run.state, "KILLED"))

    def _write(self, metrics: Mapping[str, float], step: int, texts: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        numbers = [Metric(name, value, now, step) for name, value in metrics.items()]
        params = [Param(name, value[:_MOST]) for name, value in texts.items()]
        self._client.log_batch(self._id, numbers, params)

    def _write_data(self, run: RunView) -> None:
        from mlflow.entities import Dataset, DatasetInput

        # MLflow keeps no more of a digest.
        digest = run.dataset_hash[:36]
        data = Dataset(run.name, digest, source_type="shoal", source=f"run {run.id}")
        self._client.log_inputs(self._id, datasets=[DatasetInput(data)])
