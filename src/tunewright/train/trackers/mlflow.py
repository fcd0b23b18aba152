"""MLflow: a database in the run's folder, or the server of MLFLOW_TRACKING_URI.

In: numbers at steps. Out: metrics and parameters of one MLflow run. Its own file because every tool is one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from tunewright.train.trackers.tracking import Tracked

SERVER = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
MAX_PARAMETER_CHARACTERS = 6000
"""Of a parameter's value. Source: mlflow.utils.validation.MAX_PARAM_VAL_LENGTH, mlflow 3.17."""
MAX_PARAMETERS = 100
"""In one request. Source: mlflow.utils.validation.MAX_PARAMS_TAGS_PER_BATCH, mlflow 3.17."""


class MLflow:
    """One MLflow run of the experiment `tunewright`, or of MLFLOW_EXPERIMENT_NAME."""

    def __init__(self, tracked: Tracked) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it counts its users over the network, from 3.2 on
        from mlflow import MlflowClient  # an extra, and two seconds to import

        logging.getLogger("alembic").setLevel(logging.WARNING)  # 30 lines on the tables of a new database
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        server = os.environ.get(SERVER, "")
        uri = server or f"sqlite:///{tracked.folder.resolve() / 'mlflow.db'}"
        tracked.folder.mkdir(parents=True, exist_ok=True)
        self.place = server or f"mlflow ui --backend-store-uri {quote(uri)}"
        self._client = MlflowClient(tracking_uri=uri)
        self.run_id = tracked.run_id or self._new_run(tracked, files=None if server else tracked.folder / "artifacts")
        self._client.update_run(self.run_id, status="RUNNING")

    def log(self, numbers: Mapping[str, float], *, step: int) -> None:
        from mlflow.entities import Metric  # imported with the client: costs nothing here

        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, metrics=[Metric(name, value, now, step) for name, value in numbers.items()])

    def close(self, *, is_done: bool) -> None:
        self._client.set_terminated(self.run_id, status="FINISHED" if is_done else "KILLED")

    def _new_run(self, tracked: Tracked, *, files: Path | None) -> str:
        from mlflow.entities import Param  # imported with the client: costs nothing here

        name = os.environ.get(EXPERIMENT) or "tunewright"
        known = self._client.get_experiment_by_name(name)
        place = files.resolve().as_uri() if files else None
        experiment = known.experiment_id if known else self._client.create_experiment(name, artifact_location=place)
        run_id: str = self._client.create_run(experiment, run_name=tracked.name).info.run_id
        said = [Param(name, str(value)[:MAX_PARAMETER_CHARACTERS]) for name, value in tracked.parameters.items()]
        for first in range(0, len(said), MAX_PARAMETERS):
            self._client.log_batch(run_id, params=said[first : first + MAX_PARAMETERS])
        return run_id
