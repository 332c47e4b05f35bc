"""The record of experiments: one MLflow run for each run of evaluation, with its parameters and means. No question, no document's text.

MLflow is imported in a process of its own, which lasts as long as one record takes: its import costs seconds of a processor and 150 MB,
and a server of MLflow's that stalls can be left alone by ending the process. It runs this module (``python -m evaluation.experiments``).
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from evaluation.report.body import ReportBody
from evaluation.sending import SendingFailed
from footnote.core.catalog.catalog import Catalog
from footnote.core.settings import ENVIRONMENT_PREFIX, EvaluationSettings

OFF = "off"
EXPERIMENT = "footnote"
RUN_TAG = "footnote.run_id"
RECORD_S = 120.0
MAX_PARAM_CHARS = 500
_SILENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""For the process that records: it tells nobody but the server that it is given, and leaves trying again to whoever started it."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is recorded of a run.

    Args:
        tracking_uri: of an MLflow server or database.
        artifact_uri: where a new experiment would keep files; footnote writes none. None for what the server has.
        run_id: footnote's.
        name: what MLflow lists it under.
        started_ms, finished_ms: since 1970.
        params: what determined the run.
        metrics: means by name.
        tags: ids.
    """

    tracking_uri: str
    artifact_uri: str | None
    run_id: str
    name: str
    started_ms: int
    finished_ms: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class MlflowRecorder:
    """Records runs.

    Args:
        catalog: where releases are.
        tracking_uri: of an MLflow server or database.
        artifact_uri: as ``Experiment``.
        record_s: how long one record may take.
    """

    name = "mlflow"

    def __init__(self, *, catalog: Catalog, tracking_uri: str, artifact_uri: str | None = None, record_s: float = RECORD_S) -> None:
        self._catalog = catalog
        self._tracking_uri = tracking_uri
        self._artifact_uri = artifact_uri
        self._record_s = record_s

    async def record(self, report_id: str, body: ReportBody) -> None:
        """Record the run of a report; recorded again it takes the place of what was recorded before.

        Raises:
            NotFound: its release is gone.
            SendingFailed: it was not recorded.
        """
        release = await self._catalog.releases.get(body.run.release_id)
        experiment = Experiment(
            tracking_uri=self._tracking_uri,
            artifact_uri=self._artifact_uri,
            run_id=body.run.run_id,
            name=f"{body.run.set_name}@{body.run.set_number} {body.run.started_at:%Y-%m-%d %H:%M}",
            started_ms=round(body.run.started_at.timestamp() * 1000),
            finished_ms=round(body.run.finished_at.timestamp() * 1000),
            params=params_of(body, release.manifest),
            metrics=metrics_of(body),
            tags={
                RUN_TAG: body.run.run_id,
                "footnote.report_id": report_id,
                "footnote.release_id": body.run.release_id,
                "footnote.recommendation": body.recommendation.action,
            },
        )
        await _in_a_process(experiment, within_s=self._record_s)


def create_recorder(settings: EvaluationSettings, *, catalog: Catalog, data_dir: Path) -> MlflowRecorder | None:
    """Return what records runs; None where the settings want none."""
    uri = settings.mlflow_uri
    if uri in ("", OFF):
        return None
    if uri is not None:
        return MlflowRecorder(catalog=catalog, tracking_uri=uri)
    folder = data_dir.absolute()
    return MlflowRecorder(
        catalog=catalog, tracking_uri=f"sqlite:///{folder / 'mlflow.sqlite'}", artifact_uri=(folder / "mlflow-artifacts").as_uri()
    )


def params_of(body: ReportBody, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what determined a run: release, set, judges, and the release's manifest by dotted names; prompts stand there as hashes."""
    judges = sorted({figure.judge for figure in body.figures if figure.judge is not None})
    params = {
        "release_id": body.run.release_id,
        "set_name": body.run.set_name,
        "set_number": str(body.run.set_number),
        "set_sha256": body.run.set_sha256,
        "judges": ", ".join(judges),
        **_flat(manifest, "release"),
    }
    return {_name(name): value[:MAX_PARAM_CHARS] for name, value in params.items()}


def metrics_of(body: ReportBody) -> dict[str, float]:
    """Return the means: headlines by their own names, likewise of the text shown with ``shown.`` in front, and how many were scored."""
    metrics: dict[str, float] = {"n_cases": float(body.run.n_cases), "n_unanswered_cases": float(body.run.n_unanswered_cases)}
    for prefix, scores in (("", body.scores), ("shown.", body.shown_scores)):
        for name, summary in scores.items():
            if summary.mean is not None:
                metrics[_name(prefix + name)] = summary.mean
                metrics[_name(f"{prefix}{name}.scored")] = float(summary.scored)
    return metrics


def _flat(content: Mapping[str, Any], prefix: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(cast("Mapping[str, Any]", value), f"{prefix}.{name}")
        else:
            flat[f"{prefix}.{name}"] = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return flat


def _name(name: str) -> str:
    """Return a name as MLflow takes it: ``recall@5`` becomes ``recall_at_5``."""
    return "".join(letter if letter.isalnum() or letter in "_-./ " else "_" for letter in name.replace("@", "_at_"))


# ----------------------------------------------------------------------------------------------------------------- the other process


async def _in_a_process(experiment: Experiment, *, within_s: float) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)} | _SILENT
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evaluation.experiments",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(within_s):
            _, said = await process.communicate(json.dumps(asdict(experiment)).encode())
    except TimeoutError as error:
        raise SendingFailed(f"MLflow took longer than {within_s:.0f} s.") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        last = (said.decode(errors="replace").split("\n") or [""])[-1].strip()
        reason = last if last.isidentifier() else f"status {process.returncode}"
        raise SendingFailed(f"MLflow did not record the run: {reason}.")


def record(experiment: Experiment) -> None:
    """Record a run, in this process: found again by its tag it is brought up to date, else made."""
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  # only here: see the module's docstring
    from mlflow.tracking import MlflowClient  # noqa: PLC0415  # as above

    client = MlflowClient(tracking_uri=experiment.tracking_uri)
    found = client.get_experiment_by_name(EXPERIMENT)
    experiment_id = client.create_experiment(EXPERIMENT, experiment.artifact_uri) if found is None else found.experiment_id
    known = client.search_runs([experiment_id], f"tags.`{RUN_TAG}` = '{experiment.run_id}'", max_results=1)
    if known:
        run = known[0]
    else:
        tags = {**experiment.tags, "mlflow.runName": experiment.name}
        run = client.create_run(experiment_id, start_time=experiment.started_ms, tags=tags)
    at = max([experiment.finished_ms, *(old + 1 for old in _last_written(client, run))])
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, at, 0) for name, value in experiment.metrics.items() if run.data.metrics.get(name) != value],
        params=[Param(name, value) for name, value in experiment.params.items() if name not in run.data.params],
        tags=[RunTag(name, value) for name, value in experiment.tags.items()],
    )
    client.set_terminated(run.info.run_id, end_time=experiment.finished_ms)


def _last_written(client: Any, run: Any) -> list[int]:
    """Return when the metrics of a run were written: MLflow shows the one that was written last."""
    return [value.timestamp for name in run.data.metrics for value in client.get_metric_history(run.info.run_id, name)]


def main() -> int:
    """Record what standard input holds; say by one word in the last line what went wrong."""
    logging.disable(logging.WARNING)
    experiment = Experiment(**json.load(sys.stdin))
    try:
        record(experiment)
    except Exception as error:  # noqa: BLE001  # MLflow's stores raise what their libraries raise; told by its class, and tried again
        sys.stderr.write(f"\n{type(error).__name__}")  # its words may hold the server's address, with a password in it
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
