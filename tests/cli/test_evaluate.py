"""``footnote evaluate`` and ``footnote report`` against a whole server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from footnote.cli.api_client import ApiClient
from footnote.cli.evaluate_run import Wanted, evaluate, parse_limits, set_id_of, show_evaluation, write_cases
from footnote.cli.evaluate_runs import cancel_run, delete_runs, list_runs
from footnote.cli.failure import FAILED, WRONG_USAGE, CommandFailed
from footnote.cli.main import main
from footnote.cli.report import compare, report, report_id, show_comparison, show_report, write_page
from tests.api.conftest import threaded  # noqa: F401 - a fixture
from tests.api.evaluated import CASES, whole_server
from tests.api.library import LoopThread, Served


@pytest.fixture(scope="module")
def whole(threaded: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:  # noqa: F811 - the fixture
    with whole_server(threaded, tmp_path_factory.mktemp("whole")) as served:
        yield served


@pytest.fixture
def client(whole: Served) -> Iterator[ApiClient]:
    with ApiClient(whole.url, token=None) as opened:
        yield opened


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "tides.jsonl"
    path.write_text("".join(f"{json.dumps(case)}\n" for case in CASES))
    return path


def test_there_is_no_report_before_the_first_run(client: ApiClient) -> None:
    if client.reports(limit=1):
        pytest.skip("another test was first")
    with pytest.raises(CommandFailed, match="no report yet"):
        report_id(client, "latest")


def test_a_file_is_evaluated_and_told(client: ApiClient, questions: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    set_id = set_id_of(client, str(questions))
    assert set_id_of(client, "tides") == set_id_of(client, "tides@1") == set_id == set_id_of(client, str(questions))
    limits = {"citations": 0.01, "answer_relevancy": 0.5, "recall@10": 1.01}
    document = evaluate(
        client, set_id, Wanted(part="test"), limits=limits, on_progress=lambda run: seen.append((run.answered + run.errors, run.cases))
    )
    assert (document.set, document.cases, document.unanswered, document.resumed) == ("tides@1", 4, 0, False)
    assert (seen[-1], seen) == ((4, 4), sorted(seen))
    assert [(each.metric, each.mean) for each in document.under] == [("answer_relevancy", None), ("recall@10", 1.0)]
    show_evaluation(document)
    told = capsys.readouterr().out
    for words in ("tides@1: 4 cases", "faithfulness", "needs_language_model", "3 of 3", document.report_id, "recall@10 is under 1.01"):
        assert words in told
    path = tmp_path / "cases.jsonl"
    write_cases(client, document.run_id, path)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["moon", "sun", "spring", "cup"]


def test_reports_are_shown_compared_and_written(
    client: ApiClient, questions: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    set_id = set_id_of(client, str(questions))
    older, newer = (evaluate(client, set_id, Wanted(limit=n), limits={}, on_progress=lambda run: None) for n in (2, 3))
    document = report(client, "latest")
    assert (document.report_id, document.scores) == (newer.report_id, newer.scores)
    show_report(document)
    assert "citations" in capsys.readouterr().out
    compared = compare(client, older.report_id, newer.report_id)
    assert {each.n for each in compared.differences if each.metric == "answer_found"} == {2}
    show_comparison(compared)
    assert "may be chance" in capsys.readouterr().out
    for name, before in (("one.html", None), ("two.html", older.report_id)):
        write_page(client, tmp_path / name, newer.report_id, older=before)
        assert (tmp_path / name).read_text().startswith("<!doctype html>")
    with pytest.raises(CommandFailed, match="rep_none"):
        report(client, "rep_none")


def test_limits_are_read() -> None:
    assert parse_limits(["faithfulness=0.8", " citations = .5"]) == {"faithfulness": 0.8, "citations": 0.5}
    malformed = ("faithfulness", "faithfulness=", "=1", "faithfulness=high", "faithfulness=nan", "faithfulness=inf")
    for text in (*malformed, "happiness=0.5", "Faithfulness=0.5", "answer_f1=0.5", "toxicity=0.5"):
        with pytest.raises(CommandFailed) as caught:
            parse_limits([text])
        assert caught.value.exit_status == WRONG_USAGE
        assert "recall@10" in (caught.value.hint or ""), "the metrics that there are"


def test_every_metric_that_may_have_a_limit_stands_in_every_report(client: ApiClient, questions: Path) -> None:
    document = evaluate(client, set_id_of(client, str(questions)), Wanted(limit=1), limits={}, on_progress=lambda run: None)
    limits = parse_limits([f"{metric}=2" for metric in document.scores])
    with pytest.raises(CommandFailed) as caught:
        parse_limits(["happiness=1"])
    assert caught.value.hint == f"The metrics are {', '.join(limits)}."


def test_runs_are_listed_cancelled_and_deleted(
    client: ApiClient, whole: Served, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*arguments: str, status: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *arguments, "--url", whole.url])
        told = capsys.readouterr()
        assert ended.value.code == status, told.err
        return told.out

    set_id = set_id_of(client, str(questions))
    ended = evaluate(client, set_id, Wanted(limit=1), limits={}, on_progress=lambda run: None)
    going = client.begin_run({"set_id": set_id, "resume": False})
    client.cancel_run(going.id)  # before it ends by itself; the command says the same again
    assert f"The run {going.id} is cancelled" in command("cancel", going.id)
    assert cancel_run(client, going.id).set == "tides@1"
    with pytest.raises(CommandFailed, match="There is no run run_none"):
        cancel_run(client, "run_none")
    listed = {run.id: run for run in list_runs(client, set_name="tides").runs}
    assert (listed[ended.run_id].status, listed[ended.run_id].report_id) == ("completed", ended.report_id)
    assert (listed[going.id].set, listed[going.id].status) == ("tides@1", "cancelled")
    assert list_runs(client, set_name="rivers").runs == []
    assert ended.report_id in command("list")
    command("delete", ended.run_id, status=WRONG_USAGE)  # nobody can be asked
    deleted = delete_runs(client, [ended.run_id, "run_none", ended.run_id])
    (gone,), (kept,) = deleted.deleted, deleted.kept
    assert (gone.id, gone.answers, gone.reports, gone.turns) == (ended.run_id, 1, 1, 1)
    assert (kept.id, kept.reason) == ("run_none", "There is no run run_none.")
    assert f"{going.id} is deleted" in command("delete", "run_none", going.id, "--yes", status=FAILED)
    assert not {ended.run_id, going.id} & {run.id for run in client.runs()}
    command("delete", going.id, "--yes", status=FAILED)


def test_a_set_that_is_not_there_is_said(client: ApiClient, tmp_path: Path) -> None:
    for wanted in ("rivers", "tides@99", str(tmp_path / "none.jsonl")):
        with pytest.raises(CommandFailed):
            set_id_of(client, wanted)


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "--set", "x", "--fail-under", "y"],
        ["evaluate", "--set", "x", "--fail-under", "happiness=0.5"],
        ["evaluate", "--limit", "3"],
        ["evaluate", "--set", "x", "--limit", "0"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_started(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--data-dir", str(tmp_path / "data")])
    assert caught.value.code == WRONG_USAGE
    assert not (tmp_path / "data").exists()
