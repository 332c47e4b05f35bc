"""The record of experiments: a run of MLflow's for each run of ours, with figures and no text, and nothing that a broken server breaks."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.experiments import MlflowRecorder, create_recorder, metrics_of, params_of
from evaluation.sending import SendingFailed
from footnote.core.catalog.catalog import Catalog
from footnote.core.settings import EvaluationSettings
from tests.evaluation.report.test_body import a_body


async def recorded(catalog: Catalog, recorder: MlflowRecorder, **differs):
    release = await catalog.releases.ensure_champion({"model": {"name": "smollm2", "sha256": "5e1f"}, "policy": "quote"})
    body = a_body()
    body = replace(body, run=replace(body.run, release_id=release.id), **differs)
    await recorder.record("rep_1", body)
    return body


@pytest.mark.slow
async def test_a_run_is_recorded_and_the_same_run_again_is_brought_up_to_date(catalog: Catalog, tmp_path: Path):
    recorder = create_recorder(EvaluationSettings(), catalog=catalog, data_dir=tmp_path)
    assert recorder is not None
    body = await recorded(catalog, recorder)
    scores = {name: replace(score, mean=0.125) if score.mean is not None else score for name, score in body.scores.items()}
    body = await recorded(catalog, recorder, scores=scores)
    with sqlite3.connect(tmp_path / "mlflow.sqlite") as store:
        assert store.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert dict(store.execute("SELECT key, value FROM latest_metrics")) == pytest.approx(metrics_of(body))
        params = dict(store.execute("SELECT key, value FROM params"))
        tags = dict(store.execute("SELECT key, value FROM tags"))
    store.close()
    assert params["release.model.sha256"] == "5e1f"
    assert params["set_sha256"] == body.run.set_sha256
    assert (tags["footnote.run_id"], tags["footnote.report_id"]) == (body.run.run_id, "rep_1")


@pytest.mark.slow
@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "sqlite:////proc/nowhere/mlflow.sqlite", "nonsense://ann:secret@x"])
async def test_a_server_that_is_not_there_is_told_in_a_line(catalog: Catalog, uri: str):
    with pytest.raises(SendingFailed) as caught:
        await recorded(catalog, MlflowRecorder(catalog=catalog, tracking_uri=uri))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert uri not in str(caught.value)


async def test_what_takes_too_long_is_ended(catalog: Catalog, tmp_path: Path):
    with pytest.raises(SendingFailed, match="longer than"):
        await recorded(catalog, MlflowRecorder(catalog=catalog, tracking_uri=f"sqlite:///{tmp_path / 'm.sqlite'}", record_s=0.05))


@pytest.mark.parametrize("uri", ["off", ""])
def test_it_can_be_turned_off(catalog: Catalog, uri: str, tmp_path: Path):
    assert create_recorder(EvaluationSettings(mlflow_uri=uri), catalog=catalog, data_dir=tmp_path) is None


def test_names_are_as_mlflow_takes_them_and_lists_stay_short():
    body = a_body()
    assert all("@" not in name for name in metrics_of(body))
    assert {name.removesuffix(".scored") for name in metrics_of(body)} >= {"recall_at_5"} or "recall@5" not in body.scores
    params = params_of(body, {"prompts": [{"name": "answer", "sha256": "0" * 600}]})
    assert len(params["release.prompts"]) == 500


def test_nobody_loads_mlflow_by_importing_what_records():
    code = "import sys, evaluation.experiments, evaluation.sending, evaluation.nightly, evaluation.alerts; print('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
