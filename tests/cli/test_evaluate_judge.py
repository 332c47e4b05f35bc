"""``footnote evaluate judge``: measures the judges that the settings name, and keeps what it measured."""

import json

import pytest

from footnote.cli.evaluate_judge import evaluate_judge, show_quality
from footnote.cli.main import main
from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.database import sqlite_url
from footnote.core.data_directory import DataDirectory
from footnote.core.settings import load_settings

LINES = [
    {"claim": "Employees have 28 days of paid leave.", "context": "Each year employees have 28 days of paid leave.", "label": 1},
    {"claim": "Employees have 35 days of paid leave.", "context": "Each year employees have 28 days of paid leave.", "label": 0},
    {"claim": "The pump is serviced every 500 hours.", "context": "Service the pump every 500 hours.", "label": True},
]


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)), encoding="utf-8")
    return path


@pytest.fixture
def data_dir(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


async def open_catalog(data_dir):
    catalog = Catalog(sqlite_url(DataDirectory(data_dir).catalog))
    await catalog.open(default_principals=("everyone",))
    return catalog


def test_the_figures_are_printed_and_nothing_is_made_where_nothing_is(labels, data_dir, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "judge", "--labels", str(labels), "--data-dir", str(data_dir), "--json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    (judged,) = document["judges"]
    assert (judged["judge"], judged["n"], judged["balanced_accuracy"]["value"], document["kept"]) == ("local-1", 3, 1.0, False)
    assert list(data_dir.iterdir()) == []


def test_labels_that_cannot_be_used_end_it(tmp_path, data_dir, capsys):
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps(LINES[0]), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "judge", "--labels", str(path), "--data-dir", str(data_dir)])
    assert ended.value.code != 0
    assert "supported and unsupported" in " ".join(capsys.readouterr().err.split())


async def test_they_are_kept_for_the_reports(labels, data_dir, capsys):
    from footnote.core.offload import offload

    catalog = await open_catalog(data_dir)
    try:
        document = await offload(evaluate_judge, load_settings({"data_dir": data_dir}), labels)
        (kept,) = await catalog.judge_qualities.of_judge("local-1")
    finally:
        await catalog.close()
    assert document.kept
    assert (kept.labels, kept.figures["balanced_accuracy"]["value"]) == ("labels.jsonl", 1.0)
    show_quality(document)
    assert "1.000 [1.000, 1.000]" in capsys.readouterr().out
