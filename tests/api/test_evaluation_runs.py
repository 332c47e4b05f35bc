"""Runs and reports over the API of a whole server: asked, scored, reported, read by those who may, and by nobody else."""

import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from evaluation.report.rendering.page import content_security_policy
from tests.api.evaluated import ANN, BEN, CASES, KEYS, as_owner, begun, finished, imported, whole_server
from tests.api.library import LoopThread, Served


@pytest.fixture(scope="module")
def whole(threaded: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with whole_server(threaded, tmp_path_factory.mktemp("whole"), server=KEYS) as served:
        yield served


@pytest.fixture
def ann(whole: Served) -> Iterator[httpx.Client]:
    with as_owner(whole, ANN) as http:
        yield http


@pytest.fixture
def ben(whole: Served) -> Iterator[httpx.Client]:
    with as_owner(whole, BEN) as http:
        yield http


@pytest.fixture(scope="module")
def done(whole: Served) -> dict[str, Any]:
    """Return a run of the test part that has ended."""
    with as_owner(whole, ANN) as http:
        return finished(http, begun(http, imported(http), part="test")["id"])


def report_of(http: httpx.Client, run: dict[str, Any], **query: str) -> dict[str, Any]:
    answer = http.get(f"/v1/reports/{run['report_id']}", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def cases_of(http: httpx.Client, run: dict[str, Any], **query: int) -> dict[str, Any]:
    return dict(http.get(f"/v1/evaluation_runs/{run['id']}/cases", params=query).json())


def test_a_run_asks_its_cases_and_makes_a_report(ann: httpx.Client, done: dict[str, Any]) -> None:
    assert (done["status"], done["cases"], done["answered"], done["errors"], done["part"]) == ("completed", 4, 4, 0, "test")
    report = report_of(ann, done)
    assert (report["object"], report["run_id"], report["run"]["set_name"], report["run"]["n_cases"]) == ("report", done["id"], "tides", 4)
    scores = report["scores"]
    assert (scores["citations"]["total"], scores["citations"]["judge"], scores["citations"]["target"]) == (3, "labels", "draft")
    assert (scores["abstention"]["total"], scores["recall@10"]["mean"], scores["recall@10"]["target"]) == (4, 1.0, "turn")
    assert (scores["faithfulness"]["judge"], scores["faithfulness"]["mean"]) == ("local-1", 1.0), "quotes are what the passages say"
    for metric in ("answer_relevancy", "context_precision", "context_recall"):
        assert (scores[metric]["mean"], scores[metric]["reason"]) == (None, "needs_language_model")
    assert report["shown"]["abstention"]["target"] == "shown"
    assert report["recommendation"]["action"]


def test_every_mean_can_be_computed_from_the_cases(ann: httpx.Client, done: dict[str, Any], tmp_path: Any) -> None:
    report = report_of(ann, done)
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases_of(ann, done)["data"]))

    values: dict[tuple[str, str, str], list[float]] = {}
    for line in path.read_text().splitlines():
        for score in json.loads(line)["scores"]:
            if score["value"] is not None:
                values.setdefault((score["metric"], score["target"], score["judge"]), []).append(score["value"])
    means = {key: math.fsum(column) / len(column) for key, column in values.items()}
    for told in (report["scores"], report["shown"]):
        for metric, score in told.items():
            assert score["mean"] == means.get((metric, score["target"], score["judge"]))
    assert {(each["metric"], each["target"], each["judge"]): each["mean"] for each in report["figures"] if each["judge"]} == means


def test_cases_come_in_pages_with_what_answered_them(ann: httpx.Client, done: dict[str, Any]) -> None:
    whole = cases_of(ann, done)["data"]
    first = cases_of(ann, done, limit=3)
    rest = cases_of(ann, done, limit=3, after=first["next_after"])
    assert [*first["data"], *rest["data"]] == whole
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [case["id"] for case in whole] == [case["id"] for case in CASES if case["part"] == "test"]
    turn = ann.get(f"/v1/turns/{whole[0]['turn_id']}").json()
    assert (turn["run_id"], turn["question"]) == (done["id"], whole[0]["question"])


def test_the_same_is_gone_on_with_and_anything_else_begins_anew(ann: httpx.Client) -> None:
    set_id = imported(ann)
    first = begun(ann, set_id, part="test", limit=2)
    again, other = begun(ann, set_id, part="test", limit=2), begun(ann, set_id, part="test", limit=1)
    fresh = begun(ann, set_id, part="test", limit=2, resume=False)
    assert (first["resumed"], again["resumed"], other["resumed"], fresh["resumed"]) == (False, True, False, False)
    assert (again["id"], first["cases"]) == (first["id"], 2)
    assert len({first["id"], other["id"], fresh["id"]}) == 3
    for run in (first, other, fresh):
        assert finished(ann, run["id"])["status"] == "completed"
    assert begun(ann, set_id, part="test", limit=2)["resumed"] is False, "what is finished is not gone on with"


def test_a_run_is_cancelled(ann: httpx.Client) -> None:
    run = begun(ann, imported(ann), resume=False)
    assert ann.post(f"/v1/evaluation_runs/{run['id']}/cancel").json()["status"] == "cancelled"
    assert "report_id" not in ann.get(f"/v1/evaluation_runs/{run['id']}").json()


def test_a_report_is_a_page_for_browsers(ann: httpx.Client, whole: Served, done: dict[str, Any]) -> None:
    accept = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = ann.get(f"/v1/reports/{done['report_id']}", headers=accept)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == content_security_policy()
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "football world cup" in page.text, "a question that the documents do not answer is told"
    with whole.http() as browser:
        asked = browser.get(f"/v1/reports/{done['report_id']}", headers=accept)
        assert asked.headers["www-authenticate"].startswith("Basic")
        opened = browser.get(f"/v1/reports/{done['report_id']}", headers=accept, auth=("", ANN))
    assert opened.text == page.text
    for other in ("*/*", "application/json, text/html"):
        assert ann.get(f"/v1/reports/{done['report_id']}", headers={"accept": other}).json()["id"] == done["report_id"]


def test_no_text_is_in_what_a_report_keeps(ann: httpx.Client, done: dict[str, Any]) -> None:
    kept = json.dumps(report_of(ann, done))
    assert not [case["id"] for case in CASES if case["question"] in kept]
    assert "tides lag" not in kept


def test_two_reports_are_compared_also_over_versions_of_a_set(ann: httpx.Client, done: dict[str, Any]) -> None:
    more = [*CASES, {"id": "new", "question": "What is a neap tide?", "part": "test", "answerable": False}]
    later = finished(ann, begun(ann, imported(ann, cases=more), part="test")["id"])
    found = report_of(ann, later, compare=done["report_id"])
    assert (found["object"], found["old"]["id"], found["new"]["id"]) == ("report.comparison", done["report_id"], later["report_id"])
    citations = next(each for each in found["differences"] if (each["metric"], each["target"]) == ("citations", "draft"))
    assert (citations["n"], citations["difference"], citations["is_noise"]) == (3, 0.0, True)
    assert report_of(ann, later)["comparison"]["run_id"], "the report itself compares with the one before"
    assert report_of(ann, later)["comparison"]["differences"]
    page = ann.get(f"/v1/reports/{later['report_id']}", params={"compare": done["report_id"]}, headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-security-policy"]) == (200, content_security_policy())


def test_reports_are_listed_newest_first(ann: httpx.Client, done: dict[str, Any]) -> None:
    found = ann.get("/v1/reports", params={"set": "tides", "limit": 100}).json()
    ids = [each["id"] for each in found["data"]]
    assert done["report_id"] in ids
    assert ids == sorted(ids, reverse=True)
    assert "figures" not in found["data"][0]
    assert ann.get("/v1/reports", params={"set": "nothing"}).json()["data"] == []


def test_nobody_else_finds_any_of_it(ann: httpx.Client, ben: httpx.Client, done: dict[str, Any]) -> None:
    theirs = imported(ann, name="private")
    assert ben.post("/v1/evaluation_runs", json={"set_id": theirs}).status_code == 404
    for path in (f"/v1/evaluation_runs/{done['id']}", f"/v1/evaluation_runs/{done['id']}/cases", f"/v1/reports/{done['report_id']}"):
        assert ann.get(path).status_code == 200
        assert ben.get(path).status_code == 404
        assert ben.get(path, headers={"accept": "text/html"}).status_code == 404
    assert ben.post(f"/v1/evaluation_runs/{done['id']}/cancel").status_code == 404
    assert ben.get("/v1/reports").json()["data"] == []
    own = finished(ben, begun(ben, imported(ben, name="own"), part="test", limit=1)["id"])
    assert ben.get(f"/v1/reports/{own['report_id']}", params={"compare": done["report_id"]}).status_code == 404


def test_a_reader_without_the_turns_gets_the_numbers_alone(ann: httpx.Client, ben: httpx.Client, whole: Served) -> None:
    shared = ann.post("/v1/evaluation_sets", json={"name": "shared", "cases": CASES, "principals": ["everyone"]}).json()["id"]
    own = finished(ben, begun(ben, shared, part="test")["id"])
    page = ben.get(f"/v1/reports/{own['report_id']}", headers={"accept": "text/html"})
    assert "football world cup" in page.text, "whoever may read the set and asked it reads it"
    assert ann.get(f"/v1/reports/{own['report_id']}").status_code == 404, "a run over one's set is not one's own"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"set_id": "set_none"}, 404, "evaluation set"),
        ({"part": "nowhere"}, 400, "no case in its part 'nowhere'"),
        ({"vector_store_ids": ["vs_none"]}, 404, "vs_none"),
        ({"limit": 0}, 400, "limit"),
    ],
)
def test_what_cannot_be_run_is_refused(ann: httpx.Client, body: dict[str, Any], status: int, said: str) -> None:
    answer = ann.post("/v1/evaluation_runs", json={"set_id": imported(ann), **body})
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_runs_are_listed_by_those_who_may_read_them(ann: httpx.Client, ben: httpx.Client, done: dict[str, Any]) -> None:
    begun(ann, imported(ann, name="listed"), limit=1)
    listed = ann.get("/v1/evaluation_runs", params={"set": "listed"}).json()
    assert [each["cases"] for each in listed["data"]] == [1]
    completed = ann.get("/v1/evaluation_runs", params={"set": "tides", "status": "completed", "limit": 100}).json()
    assert {each["status"] for each in completed["data"]} == {"completed"}
    assert done in completed["data"], "each as it is shown by itself"
    assert ben.get("/v1/evaluation_runs", params={"set": "listed"}).json()["data"] == []
    assert ann.get("/v1/evaluation_runs", params={"status": "asleep"}).status_code == 400


def test_a_run_is_deleted_with_its_report_and_its_turns_by_its_owner_alone(ann: httpx.Client, ben: httpx.Client) -> None:
    run = finished(ann, begun(ann, imported(ann, name="short-lived"), part="test")["id"])
    turn_id = cases_of(ann, run)["data"][0]["turn_id"]
    assert ben.delete(f"/v1/evaluation_runs/{run['id']}").status_code == 404
    gone = ann.delete(f"/v1/evaluation_runs/{run['id']}").json()
    assert (gone["object"], gone["id"], gone["deleted"]) == ("evaluation_run.deleted", run["id"], True)
    assert (gone["answers"], gone["reports"], gone["turns"]) == (4, 1, 4)
    assert gone["scores"] == run["scores"] + run["failures"]
    for path in (f"evaluation_runs/{run['id']}", f"evaluation_runs/{run['id']}/cases", f"reports/{run['report_id']}", f"turns/{turn_id}"):
        assert ann.get(f"/v1/{path}").status_code == 404, path
    assert ann.get(f"/v1/evaluation_sets/{run['set_id']}").status_code == 200


def test_a_set_is_deleted_with_its_runs_once_none_is_under_way(ann: httpx.Client) -> None:
    set_id = imported(ann, name="doomed")
    ended = finished(ann, begun(ann, set_id, part="test", limit=1)["id"])
    held = imported(ann, name="doomed", cases=[{**CASES[0], "id": f"moon {n}"} for n in range(500)])  # not asked within one request
    going = begun(ann, held)
    refused = ann.delete("/v1/evaluation_sets/doomed")
    assert (refused.status_code, going["id"] in refused.json()["error"]["message"]) == (409, True)
    assert ann.get(f"/v1/evaluation_runs/{ended['id']}").json() == ended
    ann.post(f"/v1/evaluation_runs/{going['id']}/cancel")
    gone = ann.delete("/v1/evaluation_sets/doomed").json()
    assert (gone["sets"], gone["cases"], gone["runs"]) == (2, 505, 2)
    for run in (ended, going):
        assert ann.get(f"/v1/evaluation_runs/{run['id']}").status_code == 404
        assert ann.delete(f"/v1/evaluation_runs/{run['id']}").status_code == 404
    assert ann.get("/v1/reports", params={"set": "doomed"}).json()["data"] == []
