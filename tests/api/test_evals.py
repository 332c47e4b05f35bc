"""Evals, driven by the stock OpenAI client against a whole server."""

import asyncio
import io
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from footnote.core.errors import InvalidInput
from serving.api import eval_cases
from tests.api.evaluated import ANN, BEN, CASES, DONE_S, KEYS, as_owner, imported, whole_server
from tests.api.library import LoopThread, Served
from tests.core.catalog.counting import counted

FAITHFUL: dict[str, Any] = {"type": "footnote", "name": "faithfulness", "pass_threshold": 0.8}
CITES: dict[str, Any] = {"type": "footnote", "name": "cites its source", "metric": "citations", "target": "shown"}
CONFIGURED: dict[str, Any] = {"type": "completions", "source": {"type": "stored_completions"}, "model": "footnote"}


@pytest.fixture(scope="module")
def whole(threaded: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with whole_server(threaded, tmp_path_factory.mktemp("whole"), server=KEYS) as served:
        yield served


@pytest.fixture
def ann(whole: Served) -> Iterator[openai.OpenAI]:
    with whole.client(key=ANN) as client:
        yield client


@pytest.fixture
def ben(whole: Served) -> Iterator[openai.OpenAI]:
    with whole.client(key=BEN) as client:
        yield client


@pytest.fixture
def tides(whole: Served) -> str:
    with as_owner(whole, ANN) as http:
        return imported(http)


def source(**metadata: str) -> Any:
    return {"type": "logs", "metadata": metadata}


def finished(client: openai.OpenAI, run: Any) -> Any:
    deadline = time.monotonic() + DONE_S
    while (found := client.evals.runs.retrieve(run.id, eval_id=run.eval_id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def items(*cases: dict[str, Any]) -> Any:
    return {"type": "jsonl", "source": {"type": "file_content", "content": [{"item": case} for case in cases]}}


def test_a_set_is_evaluated_by_the_stock_client(ann: openai.OpenAI, tides: str) -> None:
    made = ann.evals.create(
        name="nightly",
        data_source_config=source(set="tides", part="test"),
        testing_criteria=[
            FAITHFUL,
            CITES,
            {
                "type": "text_similarity",
                "name": "like the reference",
                "input": "{{sample.output_text}}",
                "reference": "{{item.reference_answer}}",
                "evaluation_metric": "rouge_l",
                "pass_threshold": 0.99,
            },
        ],  # pyright: ignore[reportArgumentType]
        metadata={"team": "sea"},
    )
    assert (made.object, made.name, made.metadata) == ("eval", "nightly", {"team": "sea"})
    begun = ann.evals.runs.create(made.id, name="first", data_source=CONFIGURED)  # pyright: ignore[reportArgumentType]
    assert (begun.object, begun.eval_id, begun.status, begun.model, begun.name) == ("eval.run", made.id, "queued", "footnote", "first")
    run = finished(ann, begun)
    assert (run.status, run.error, run.result_counts.total, run.result_counts.errored) == ("completed", None, 4, 0)
    assert run.result_counts.passed + run.result_counts.failed == 4
    by_name = {each.testing_criteria: each for each in run.per_testing_criteria_results}
    assert list(by_name) == ["faithfulness", "cites its source", "like the reference"]
    assert by_name["cites its source"].passed + by_name["cites its source"].failed == 3, "an unanswerable question has no source to cite"
    assert by_name["faithfulness"].failed == 0
    assert run.per_model_usage[0].invocation_count == 4
    report = httpx.get(run.report_url, headers={"authorization": f"Bearer {ANN}"}, trust_env=False)
    assert (report.status_code, report.json()["run_id"], report.json()["run"]["set_id"]) == (200, run.id, tides)


@pytest.fixture(scope="module")
def done(whole: Served) -> Any:
    """Return a run of an eval by two criteria that has ended."""
    with as_owner(whole, ANN) as http:
        imported(http)
    with whole.client(key=ANN) as client:
        made = client.evals.create(data_source_config=source(set="tides", part="test"), testing_criteria=[FAITHFUL, CITES])  # pyright: ignore[reportArgumentType]
        return finished(client, client.evals.runs.create(made.id, data_source=CONFIGURED))  # pyright: ignore[reportArgumentType]


def test_output_items_say_what_was_asked_answered_and_scored(ann: openai.OpenAI, done: Any) -> None:
    found = list(ann.evals.runs.output_items.list(done.id, eval_id=done.eval_id, limit=3))
    assert [each.datasource_item["id"] for each in found] == ["moon", "sun", "spring", "cup"]
    one = next(each for each in found if each.sample.output[0].content and each.results)
    assert one.sample.input[-1].content == one.datasource_item["question"]
    assert (one.object, one.run_id, one.sample.model, one.sample.finish_reason) == ("eval.run.output_item", done.id, "footnote", "stop")
    again = ann.evals.runs.output_items.retrieve(one.id, eval_id=done.eval_id, run_id=done.id)
    assert again.to_dict() == one.to_dict()
    for each in found:
        assert (each.status == "pass") == all(result.passed for result in each.results)
        for result in each.results:
            assert result.passed == (result.score >= {"faithfulness": 0.8, "cites its source": 0.5}[result.name])
    counts = [sum(each.status == status for each in found) for status in ("pass", "fail")]
    assert counts == [done.result_counts.passed, done.result_counts.failed]
    passed = list(ann.evals.runs.output_items.list(done.id, eval_id=done.eval_id, status="pass"))
    assert [each.id for each in passed] == [each.id for each in found if each.status == "pass"]
    backwards = list(ann.evals.runs.output_items.list(done.id, eval_id=done.eval_id, order="desc", limit=1))
    assert [each.id for each in backwards] == [each.id for each in reversed(found)]


def test_a_request_reads_what_it_shows_and_not_the_whole_run(ann: openai.OpenAI, done: Any) -> None:
    """Four cases were asked; of them a page holds one."""
    with counted() as listing:
        ann.evals.runs.list(done.eval_id)
    with counted() as polling:
        assert ann.evals.runs.retrieve(done.id, eval_id=done.eval_id).result_counts.total == 4
    for counts in (listing, polling):
        assert not {"evaluation_cases", "run_answers", "case_scores", "turns"} & set(counts)
    for query in ({}, {"order": "desc"}, {"status": "pass"}):
        with counted() as counts:
            page = ann.evals.runs.output_items.list(done.id, eval_id=done.eval_id, limit=1, extra_query=query)
        assert (len(page.data), page.has_more) == (1, True)
        assert (counts["evaluation_cases"], counts["run_answers"], counts["turns"]) == (1, 2, 1), "one more tells that there is more"
        one = counts["case_scores"]
    with counted() as counts:
        ann.evals.runs.output_items.list(done.id, eval_id=done.eval_id)
    assert 0 < one < counts["case_scores"]
    with counted() as counts:
        ann.evals.runs.output_items.retrieve(page.data[0].id, eval_id=done.eval_id, run_id=done.id)
    assert (counts["evaluation_cases"], counts["run_answers"], counts["turns"], counts["case_scores"]) == (1, 1, 1, one)


def test_pages_of_cases_cost_what_they_show(whole: Served, done: Any) -> None:
    set_id = done.to_dict()["footnote"]["set_id"]
    with as_owner(whole, ANN) as http:
        every = http.get(f"/v1/evaluation_runs/{done.id}/cases").json()["data"]
        with counted() as of_run:
            (case,) = http.get(f"/v1/evaluation_runs/{done.id}/cases", params={"limit": 1, "after": 0}).json()["data"]
        with counted() as of_set:
            http.get(f"/v1/evaluation_sets/{set_id}/cases", params={"limit": 1})
    assert case == every[1]
    assert (of_run["evaluation_cases"], of_run["run_answers"], of_run["case_scores"]) == (1, 2, len(case["scores"]))
    assert (of_set["evaluation_cases"], of_set["run_answers"], of_set["case_scores"]) == (2, 0, 0)


def test_a_run_may_bring_its_cases(ann: openai.OpenAI) -> None:
    made = ann.evals.create(
        name="brought",
        data_source_config={"type": "custom", "item_schema": {"type": "object", "properties": {"question": {"type": "string"}}}},
        testing_criteria=[CITES],  # pyright: ignore[reportArgumentType]
    )
    assert made.data_source_config.type == "custom"
    assert made.data_source_config.schema_["type"] == "object"
    case = {name: CASES[0][name] for name in ("question", "gold", "answerable")}
    by_content = finished(ann, ann.evals.runs.create(made.id, data_source=items(case)))
    assert (by_content.status, by_content.result_counts.total) == ("completed", 1)
    assert CASES[0]["question"] not in json.dumps(by_content.data_source.to_dict()), "a run's record holds no text"
    lines = "".join(json.dumps(each) + "\n" for each in ({"item": CASES[0]}, CASES[1]))
    file = ann.files.create(file=("cases.jsonl", lines.encode()), purpose="evals")
    by_file = finished(ann, ann.evals.runs.create(made.id, data_source={"type": "jsonl", "source": {"type": "file_id", "id": file.id}}))
    assert by_file.result_counts.total == 2
    found = ann.evals.runs.output_items.list(by_file.id, eval_id=made.id).data
    assert [each.datasource_item["id"] for each in found] == ["moon", "sun"]


def test_cases_that_a_run_brings_are_read_beside_the_event_loop(ann: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    loops: list[bool] = []

    def case(item: Any, *, place: int) -> Any:
        loops.append(is_on_a_loop())
        return read(item, place=place)

    read = eval_cases._case
    monkeypatch.setattr(eval_cases, "_case", case)
    made = ann.evals.create(data_source_config=source(), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    file = ann.files.create(file=("cases.jsonl", json.dumps(CASES[0]).encode()), purpose="evals")
    by_file: Any = {"type": "jsonl", "source": {"type": "file_id", "id": file.id}}
    for brought in (by_file, items(CASES[1])):
        ann.evals.runs.cancel(ann.evals.runs.create(made.id, data_source=brought).id, eval_id=made.id)
    assert loops == [False, False]


def is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def test_lines_are_read_one_by_one_and_no_more_than_a_set_may_have() -> None:
    lines = (b'{"question": "Why?"}\n' for _ in itertools.count())
    with pytest.raises(InvalidInput, match="20,000"):
        eval_cases.drafts_of(eval_cases.parse_items(lines))
    assert len(list(itertools.islice(lines, 3))) == 3, "the others were left where they were"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'\xef\xbb\xbf{"id": "a", "question": "Why?"}\r\n\n{"item": {"question": "Who?"}}', None),
        (b'{"question": "Why?"}\n[]\n', "Line 2"),
        (b'{"question": "Why?"}\n{"item": 3}\n', "Line 2"),
        (b'{"question": "Why?"}\nquestion', "Line 2"),
        (b'{"question": "Why\xff?"}', "UTF-8"),
        (b'{"question": "Why?"}\n{"question": 3}', "Item 2"),
    ],
)
def test_json_lines_are_cases(content: bytes, told: str | None) -> None:
    if told is None:
        assert [(case.key, case.labels["question"]) for case in eval_cases.drafts_of(eval_cases.parse_items(io.BytesIO(content)))] == [
            ("a", "Why?"),
            ("item-2", "Who?"),
        ]
        return
    with pytest.raises(InvalidInput, match=told):
        eval_cases.drafts_of(eval_cases.parse_items(io.BytesIO(content)))


def test_evals_and_runs_are_listed_changed_cancelled_and_deleted(ann: openai.OpenAI, tides: str) -> None:
    made = [ann.evals.create(name=name, data_source_config=source(set=tides), testing_criteria=[CITES]) for name in ("a", "b")]  # pyright: ignore[reportArgumentType]
    listed = [each.id for each in ann.evals.list(order="desc", limit=1)]
    assert listed[:2] == [made[1].id, made[0].id]
    assert ann.evals.update(made[0].id, name="c", metadata={"x": "y"}).name == "c"
    assert (ann.evals.retrieve(made[0].id).name, ann.evals.retrieve(made[0].id).metadata) == ("c", {"x": "y"})
    runs = [ann.evals.runs.create(made[0].id, data_source=CONFIGURED) for _ in range(2)]  # pyright: ignore[reportArgumentType]
    cancelled = ann.evals.runs.cancel(runs[1].id, eval_id=made[0].id)
    assert cancelled.status == "canceled"
    finished(ann, runs[0])
    assert [each.id for each in ann.evals.runs.list(made[0].id)] == [each.id for each in runs]
    assert [each.id for each in ann.evals.runs.list(made[0].id, status="canceled")] == [runs[1].id]
    gone = ann.evals.runs.delete(runs[1].id, eval_id=made[0].id)
    assert (gone.deleted, gone.run_id) == (True, runs[1].id)
    item = ann.evals.runs.output_items.list(runs[0].id, eval_id=made[0].id).data[0]
    turn_id = item.to_dict()["footnote"]["turn_id"]  # pyright: ignore[reportIndexIssue]
    deleted = ann.evals.delete(made[0].id)
    assert (deleted.deleted, deleted.eval_id) == (True, made[0].id)
    for path in (f"/evals/{made[0].id}", f"/evaluation_runs/{runs[0].id}", f"/turns/{turn_id}"):
        with pytest.raises(openai.NotFoundError):
            ann.get(path, cast_to=object)


def test_a_run_of_an_eval_is_not_gone_on_with_as_a_run_of_its_own(whole: Served, ann: openai.OpenAI, tides: str) -> None:
    made = ann.evals.create(data_source_config=source(set=tides), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    run = ann.evals.runs.create(made.id, data_source=CONFIGURED)  # pyright: ignore[reportArgumentType]
    with as_owner(whole, ANN) as http:
        own = http.post("/v1/evaluation_runs", json={"set_id": tides}).json()
        assert (own["resumed"], own["id"] == run.id) == (False, False)
        http.post(f"/v1/evaluation_runs/{own['id']}/cancel").raise_for_status()
    ann.evals.runs.cancel(run.id, eval_id=made.id)


def test_what_is_under_way_is_not_deleted(ann: openai.OpenAI, tides: str) -> None:
    made = ann.evals.create(data_source_config=source(set=tides), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    run = ann.evals.runs.create(made.id, data_source=CONFIGURED)  # pyright: ignore[reportArgumentType]
    for delete in (lambda: ann.evals.delete(made.id), lambda: ann.evals.runs.delete(run.id, eval_id=made.id)):
        with pytest.raises(openai.ConflictError, match="Cancel it first"):
            delete()
    ann.evals.runs.cancel(run.id, eval_id=made.id)
    ann.evals.delete(made.id)


def test_nobody_else_finds_any_of_it(ann: openai.OpenAI, ben: openai.OpenAI, done: Any) -> None:
    item = ann.evals.runs.output_items.list(done.id, eval_id=done.eval_id).data[0]
    calls = (
        lambda: ben.evals.retrieve(done.eval_id),
        lambda: ben.evals.update(done.eval_id, name="mine"),
        lambda: ben.evals.delete(done.eval_id),
        lambda: ben.evals.runs.create(done.eval_id, data_source=CONFIGURED),  # pyright: ignore[reportArgumentType]
        lambda: ben.evals.runs.list(done.eval_id),
        lambda: ben.evals.runs.retrieve(done.id, eval_id=done.eval_id),
        lambda: ben.evals.runs.cancel(done.id, eval_id=done.eval_id),
        lambda: ben.evals.runs.delete(done.id, eval_id=done.eval_id),
        lambda: ben.evals.runs.output_items.list(done.id, eval_id=done.eval_id),
        lambda: ben.evals.runs.output_items.retrieve(item.id, eval_id=done.eval_id, run_id=done.id),
        lambda: ben.evals.create(data_source_config=source(set="tides"), testing_criteria=[CITES]),  # pyright: ignore[reportArgumentType]
    )
    for call in calls:
        with pytest.raises(openai.NotFoundError):
            call()
    assert not ben.evals.list().data
    own = ben.evals.create(data_source_config=source(), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    with pytest.raises(openai.NotFoundError):
        ben.evals.runs.retrieve(done.id, eval_id=own.id)
    file = ann.files.create(file=("cases.jsonl", b'{"question": "Whose?"}'), purpose="evals")
    with pytest.raises(openai.NotFoundError):
        ben.evals.runs.create(own.id, data_source={"type": "jsonl", "source": {"type": "file_id", "id": file.id}})


@pytest.mark.parametrize(
    ("criterion", "param"),
    [
        ({"type": "footnote", "name": "happiness"}, "testing_criteria[0].name"),
        ({"type": "footnote", "name": "x", "metric": "happiness"}, "testing_criteria[0].metric"),
        ({"type": "footnote", "name": "recall@5", "target": "draft"}, "testing_criteria[0].target"),
        ({"type": "footnote", "name": "latency_ms"}, "testing_criteria[0].pass_threshold"),
        ({"type": "footnote", "name": "prompt_tokens", "pass_threshold": 3}, "testing_criteria[0].name"),
        ({"type": "footnote", "name": "citations", "pass_threshold": "high"}, "testing_criteria[0].pass_threshold"),
        ({"type": "footnote", "name": "citations", "treshold": 1}, "testing_criteria[0].treshold"),
        ({"type": "string_check", "name": "x", "input": "y", "operation": "eq", "reference": "z"}, "testing_criteria[0].type"),
        ({"type": "text_similarity", "evaluation_metric": "meteor"}, "testing_criteria[0].evaluation_metric"),
        ({"type": "text_similarity", "evaluation_metric": "bleu", "input": "{{item.question}}"}, "testing_criteria[0].input"),
    ],
)
def test_criteria_that_footnote_does_not_compute_are_refused(ann: openai.OpenAI, tides: str, criterion: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ann.evals.create(data_source_config=source(set=tides), testing_criteria=[criterion])
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("data_source", "param"),
    [
        (CONFIGURED, "data_source.source"),
        (items({"answer": "no question"}), "data_source.source.content"),
        (items({"question": ""}), "cases"),
        ({**items({"question": "Why?"}), "sampling_params": {"temperature": 1}}, "data_source.sampling_params"),
        (
            {**items({"question": "Why?"}), "input_messages": {"type": "template", "template": [{"role": "user", "content": "Hello"}]}},
            "data_source.input_messages",
        ),
        (
            {"type": "jsonl", "source": {"type": "file_content", "content": [{"item": {}, "sample": {"x": 1}}]}},
            "data_source.source.content",
        ),
    ],
    ids=["no set", "no question", "empty", "sampling", "messages", "sample"],
)
def test_runs_that_cannot_be_are_refused(ann: openai.OpenAI, data_source: Any, param: str) -> None:
    made = ann.evals.create(data_source_config=source(), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    with pytest.raises(openai.BadRequestError) as caught:
        ann.evals.runs.create(made.id, data_source=data_source)
    assert caught.value.param == param


def test_a_model_that_is_not_there_is_refused(ann: openai.OpenAI, tides: str) -> None:
    made = ann.evals.create(data_source_config=source(set=tides), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    with pytest.raises(openai.NotFoundError, match="gpt-4"):
        ann.evals.runs.create(made.id, data_source={**CONFIGURED, "model": "gpt-4"})  # pyright: ignore[reportArgumentType]


def test_a_run_is_shown_without_labels_where_its_set_is_shared_no_longer(whole: Served, ben: openai.OpenAI) -> None:
    sharing = {"name": "shared", "cases": CASES[:1]}
    with as_owner(whole, ANN) as http:
        shared = http.post("/v1/evaluation_sets", json={**sharing, "principals": ["owner:ben"]}).json()["id"]
        made = ben.evals.create(data_source_config=source(set=shared), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
        run = finished(ben, ben.evals.runs.create(made.id, data_source=CONFIGURED))  # pyright: ignore[reportArgumentType]
        assert run.result_counts.total == 1
        http.post("/v1/evaluation_sets", json={**sharing, "principals": []}).raise_for_status()
    (listed,) = ben.evals.runs.list(made.id).data
    assert listed.result_counts.to_dict() == run.result_counts.to_dict()
    (item,) = ben.evals.runs.output_items.list(run.id, eval_id=made.id).data
    assert (item.datasource_item, len(item.results)) == ({}, 1)
    with as_owner(whole, BEN) as http:
        (case,) = http.get(f"/v1/evaluation_runs/{run.id}/cases").json()["data"]
    assert (case["case_id"], case["id"]) == (item.id, "")
    assert "question" not in case
    assert case["scores"]


def test_an_answer_is_not_shown_when_what_it_was_written_from_is_gone(whole: Served, ann: openai.OpenAI) -> None:
    """The last one here: it takes a document away that was found by others before."""
    file = ann.vector_stores.files.upload_and_poll(
        vector_store_id="vs_default", file=("rocks.md", b"Basalt is a dark rock that cooled from lava."), poll_interval_ms=50
    )
    with as_owner(whole, ANN) as http:
        set_id = imported(http, name="rocks", cases=[{"id": "basalt", "question": "What is basalt?"}])
    made = ann.evals.create(data_source_config=source(set=set_id), testing_criteria=[CITES])  # pyright: ignore[reportArgumentType]
    run = finished(ann, ann.evals.runs.create(made.id, data_source=CONFIGURED))  # pyright: ignore[reportArgumentType]
    (before,) = ann.evals.runs.output_items.list(run.id, eval_id=made.id).data
    assert "lava" in before.sample.output[0].content
    ann.vector_stores.files.delete(file.id, vector_store_id="vs_default")
    (after,) = ann.evals.runs.output_items.list(run.id, eval_id=made.id).data
    assert (after.sample.input, after.sample.output) == ([], [])
    assert "lava" not in json.dumps(after.to_dict())
    assert [each.to_dict() for each in after.results] == [each.to_dict() for each in before.results]
