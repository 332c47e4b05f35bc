"""Sets of questions generated over the API, of what the caller may read, with events of how far it is."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.library import Library, Served, settings_in

ANNA, BERT = "anna-0123456789abcdef", "bert-0123456789abcdef"
RULES = """# Rules of the lock

## Opening the gate

The gate is opened on 4 May 2025 for the first time, and after that at half past six every working day.

## Dues

| Boat | Due | Deadline |
| --- | --- | --- |
| Barge | £14 | 3 days |
| Ferry | £23 | 9 days |
| Dinghy | £2 | 12 days |
"""


@pytest.fixture(scope="module")
def keyed(library: Library) -> Iterator[Served]:
    keys = [{"key": ANNA, "owner": "anna"}, {"key": BERT, "owner": "bert"}]
    with library.serve(settings_in(library.services.settings.data_dir, server={"keys": keys})) as served:
        yield served


@pytest.fixture(scope="module")
def store(keyed: Served) -> str:
    with keyed.client(key=ANNA) as client:
        made = client.vector_stores.create(name="lock", extra_body={"principals": ["owner:anna"]})
        client.vector_stores.files.upload_and_poll(vector_store_id=made.id, file=("lock-rules.md", RULES.encode()), poll_interval_ms=50)
        return made.id


def generate(served: Served, key: str, **body: Any) -> httpx.Response:
    with served.http(headers={"authorization": f"Bearer {key}"}) as client:
        return client.post("/v1/evaluation_sets/generate", json={"name": "drawn", **body})


def test_a_set_is_generated_and_can_be_read(keyed: Served, store: str) -> None:
    made = generate(keyed, ANNA, vector_store_id=store, cases=6).json()
    assert made["evaluation_set"]["kind"] == "generated"
    assert made["cases_of_files"] == {"lock-rules.md": made["evaluation_set"]["cases"]}
    assert sum(made["kinds"].values()) == made["evaluation_set"]["cases"] > 3
    with keyed.http(headers={"authorization": f"Bearer {ANNA}"}) as client:
        cases = client.get(f"/v1/evaluation_sets/{made['evaluation_set']['id']}/cases").json()["data"]
    assert {case["generated_by"] for case in cases} == {"rule"}
    assert "Barge | £14 | 3 days" in {gold["quote"] for case in cases for gold in case.get("gold", [])} or made["kinds"]["table"] < 3


def test_events_say_how_far_it_is(keyed: Served, store: str) -> None:
    answer = generate(keyed, ANNA, vector_store_id=store, cases=6, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    assert [event["object"] for event in events[:-1]] == ["evaluation_set.progress"] * (len(events) - 1)
    assert events[-1]["object"] == "evaluation_set.generated"
    assert len(events) > 1


def test_strangers_documents_are_not_there(keyed: Served, store: str) -> None:
    answer = generate(keyed, BERT, vector_store_id=store)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    made = generate(keyed, BERT).json()
    assert "lock-rules.md" not in made["cases_of_files"]


def test_a_model_that_is_not_configured_is_refused_with_what_to_do(keyed: Served, store: str) -> None:
    for stream in (False, True):
        answer = generate(keyed, ANNA, vector_store_id=store, by="model", stream=stream)
        assert answer.status_code == 400
        assert "evaluation.judge" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [{"cases": 0}, {"by": "magic"}, {"seed": -1}, {"name": ""}])
def test_what_cannot_be_generated_is_refused(keyed: Served, store: str, body: dict[str, Any]) -> None:
    assert generate(keyed, ANNA, **{"vector_store_id": store, **body}).status_code in (400, 422)
