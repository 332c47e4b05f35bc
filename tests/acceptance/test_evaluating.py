"""``footnote evaluate`` in real processes: killed half-way it goes on, and two fresh data directories give the same scores."""

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import HANDBOOK
from tests.acceptance.server_process import FOOTNOTE, environment, footnote

QUESTIONS = HANDBOOK.parent / "handbook-questions.jsonl"
SOON_S = 150


def filled(data_dir: Path) -> Path:
    done = footnote(data_dir, "ingest", str(HANDBOOK / "travel-policy-*"))
    assert done.returncode == 0, done.stderr
    return data_dir


def evaluated(data_dir: Path, *arguments: str) -> dict[str, Any]:
    done = footnote(data_dir, "evaluate", "--set", str(QUESTIONS), "--part", "test", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def rows(data_dir: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{data_dir / 'catalog.sqlite'}?mode=ro", uri=True)) as catalog:
        return catalog.execute(query).fetchall()


def noted(data_dir: Path) -> list[Any]:
    """Return the answers that at least one judge has scored, as the run has noted them."""
    query = "SELECT case_id, turn_id, answered_at FROM run_answers WHERE judges != '[]' ORDER BY answered_at"
    try:
        return rows(data_dir, query)
    except sqlite3.OperationalError:  # there is no catalog yet
        return []


def test_a_run_that_is_killed_goes_on_and_fresh_directories_agree(tmp_path: Path) -> None:
    first, second = filled(tmp_path / "first"), filled(tmp_path / "second")
    command = [FOOTNOTE, "evaluate", "--set", str(QUESTIONS), "--part", "test", "--limit", "24", "--json"]
    process = subprocess.Popen(command, env=environment(first), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + SOON_S
    while len(noted(first)) < 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = noted(first)
    assert 4 <= len(before) < 24, "it was killed in the middle"

    resumed = evaluated(first, "--limit", "24")
    assert resumed["resumed"] is True
    assert set(before) <= set(noted(first)), "what was answered and judged stays as it was"
    asked = dict(rows(first, "SELECT question, count(*) FROM turns WHERE run_id IS NOT NULL GROUP BY question"))
    assert len(asked) <= sum(asked.values()) <= len(asked) + 1, "but for the case that was cut off, none is asked again"

    fresh = evaluated(second, "--limit", "24")
    assert fresh["resumed"] is False
    assert (fresh["scores"], fresh["shown"]) == (resumed["scores"], resumed["shown"])
    assert fresh["scores"]["faithfulness"]["judge"] == "local-1"
    assert fresh["scores"]["answer_relevancy"]["reason"] == "needs_language_model"
    assert {"answer_relevancy", "context_precision", "context_recall", "abstention", "citations"} <= set(fresh["scores"])


def test_limits_and_reports(tmp_path: Path) -> None:
    data_dir, cases, page = filled(tmp_path / "data"), tmp_path / "cases.jsonl", tmp_path / "report.html"
    arguments = ("evaluate", "--set", str(QUESTIONS), "--limit", "3", "--cases", str(cases))
    kept = footnote(data_dir, *arguments, "--fail-under", "recall@10=0")
    assert kept.returncode == 0, kept.stderr
    under = footnote(data_dir, *arguments, "--fail-under", "recall@10=1.1")
    assert (under.returncode, "recall@10 is under 1.1" in under.stdout) == (1, True)
    assert len(cases.read_text().splitlines()) == 3
    shown = footnote(data_dir, "report", "latest", "--html", str(page), "--json")
    assert json.loads(shown.stdout)["cases"] == 3
    assert page.read_text().startswith("<!doctype html>")
