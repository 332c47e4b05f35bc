"""What importing RAGAS does, each in an interpreter of its own."""

import os
import subprocess
import sys

import pytest

SENDS = """
import os, sys, requests
sent = []
requests.post = lambda *arguments, **fields: sent.append((arguments, fields))
from ragas import _analytics
assert _analytics.do_not_track() is False, "as RAGAS comes it reports home"
_analytics.track(_analytics.BaseEvent(event_type="before", user_id="u"))
assert len(sent) == 1
from evaluation.ragas_metrics import vendor
assert vendor.is_silent()
_analytics.track(_analytics.BaseEvent(event_type="after", user_id="u"))
_analytics._analytics_batcher.add_evaluation(
    _analytics.EvaluationEvent(event_type="e", metrics=["m"], num_rows=1, evaluation_type="SINGLE_TURN", language="en", user_id="u")
)
_analytics._analytics_batcher.flush()
assert len(sent) == 1, sent
"""

LIGHT = """
import sys
import footnote.cli.main, footnote.cli.wiring, serving.api.app, evaluation.ragas_metrics.factory
heavy = {name.partition(".")[0] for name in sys.modules} & {"ragas", "langchain", "langchain_core", "datasets", "instructor", "pyarrow"}
assert not heavy, heavy
"""


def run(script, **environment):
    rest = {name: value for name, value in os.environ.items() if name != "RAGAS_DO_NOT_TRACK"}
    return subprocess.run([sys.executable, "-c", script], env={**rest, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_ragas_reports_nothing_home_even_where_somebody_imported_it_before():
    done = run(SENDS)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_starting_footnote_does_not_import_ragas():
    done = run(LIGHT)
    assert done.returncode == 0, done.stderr
