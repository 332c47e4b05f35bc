"""Turns as their askers may read them, and what they think of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from footnote.core.catalog.evaluation_records import SetKind
from footnote.core.data_directory import DataDirectory
from footnote.core.types import Citation, Claim, DraftClaim, Message, StoredPassage, Verdict
from serving.api.authentication import caller
from tests.api.library import Library, Served, settings_in
from tests.core.catalog.evaluation_story import asked, draft, imported

ANNA, BERT = "anna-0123456789abcdef", "bert-0123456789abcdef"
DIALOGUE = (Message(role="user", content="And the white one?"), Message(role="assistant", content="At eight degrees."))
TEXT = "# Cellar\n\nThe red wine is kept at fourteen degrees.\n"


@pytest.fixture(scope="module")
def keyed(library: Library) -> Iterator[Served]:
    keys = [{"key": ANNA, "owner": "anna"}, {"key": BERT, "owner": "bert"}]
    with library.serve(settings_in(library.services.settings.data_dir, server={"keys": keys})) as served:
        yield served


@pytest.fixture
def anna(keyed: Served) -> Iterator[httpx.Client]:
    with keyed.http(headers={"authorization": f"Bearer {ANNA}"}) as opened:
        yield opened


@pytest.fixture
def bert(keyed: Served) -> Iterator[httpx.Client]:
    with keyed.http(headers={"authorization": f"Bearer {BERT}"}) as opened:
        yield opened


@pytest.fixture
def told(keyed: Served, library: Library) -> Iterator[tuple[str, str, str]]:
    """A turn of anna's about a file of hers alone, with (turn, vector store, file)."""
    with asked_by_anna(keyed, library, principals=[]) as turn:
        yield turn


@contextmanager
def asked_by_anna(keyed: Served, library: Library, *, principals: list[str], **more: Any) -> Iterator[tuple[str, str, str]]:
    with keyed.client(key=ANNA) as client:
        store = client.vector_stores.create(name="cellar", extra_body={"principals": principals}).id
        file = client.vector_stores.files.upload_and_poll(vector_store_id=store, file=("cellar.md", TEXT.encode())).id
    catalog = library.services.catalog
    owner = caller("anna")
    record = library.threaded.call(catalog.attachments.get(store, file, caller=owner))
    assert record.live_version_id is not None
    text = library.threaded.call(catalog.versions.text_of(record.live_version_id))
    start = text.index("The red")
    end = start + len("The red wine is kept at fourteen degrees.")
    passage = StoredPassage(
        n=1, attachment_id=record.id, version_id=record.live_version_id, chunk_ids=(), start=start, end=end, score=0.03, similarity=0.8
    )
    citation = Citation(passage=1, start=start, end=end, quote=text[start:end], page=None, score=0.9, marked=True)
    found: dict[str, Any] = {
        "passages": (passage,),
        "history": DIALOGUE,
        "prompt": (Message(role="user", content=f"[1] {text[start:end]}"),),
        "draft": "At fourteen degrees. I guess.",
        "shown": "At fourteen degrees [1].",
        "claims": (Claim(start=0, end=24, verdict=Verdict.SUPPORTED, score=0.9, citations=(citation,)),),
        "draft_claims": (DraftClaim(start=21, end=29, verdict=Verdict.UNSUPPORTED, score=0.1),),
        "changes": ("claim_removed: One was removed.",),
    }
    turn_id = library.threaded.call(asked(catalog, by=owner, **{**found, **more}))
    yield turn_id, store, file
    with keyed.client(key=ANNA) as client:
        client.vector_stores.delete(store)


def shown(client: httpx.Client, turn_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/turns/{turn_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_turn_holds_all_that_explains_it(anna: httpx.Client, told: tuple[str, str, str]) -> None:
    turn_id, store, file = told
    turn = shown(anna, turn_id)
    assert (turn["id"], turn["object"], turn["question"], turn["query"]) == (turn_id, "turn", "When is high tide?", "high tide")
    assert (turn["draft"], turn["shown"]) == ("At fourteen degrees. I guess.", "At fourteen degrees [1].")
    (passage,) = turn["passages"]
    assert (passage["readable"], passage["text"]) == (True, "The red wine is kept at fourteen degrees.")
    assert (passage["file_id"], passage["filename"], passage["vector_store_id"]) == (file, "cellar.md", store)
    ((citation,),) = [claim["citations"] for claim in turn["claims"]]
    assert (citation["quote"], citation["marked"]) == (passage["text"], True)
    assert turn["draft_claims"] == [{"start": 21, "end": 29, "verdict": "unsupported", "score": 0.1}]
    assert turn["prompt"][0]["content"].endswith("fourteen degrees.")
    assert [message["content"] for message in turn["history"]] == ["And the white one?", "At eight degrees."]
    assert (turn["changes"], turn["timings_ms"]) == (["claim_removed: One was removed."], {"total": 900.25})
    assert turn["usage"]["total_tokens"] == 107
    assert not {"run_id", "erased_at", "error_code", "feedback"} & turn.keys()


def test_a_turn_is_its_askers_alone(bert: httpx.Client, told: tuple[str, str, str]) -> None:
    for path in (f"/v1/turns/{told[0]}", "/v1/turns/turn_none"):
        answer = bert.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    answer = bert.post("/v1/feedback", json={"turn_id": told[0], "rating": "up"})
    assert answer.status_code == 404


def test_a_browser_opens_a_turn_with_the_key_as_password(keyed: Served, told: tuple[str, str, str]) -> None:
    with keyed.http(headers={"accept": "text/html"}) as browser:
        asked_for = browser.get(f"/v1/turns/{told[0]}")
        assert (asked_for.status_code, asked_for.headers["www-authenticate"][:5]) == (401, "Basic")
        assert browser.get(f"/v1/turns/{told[0]}", auth=("anybody", ANNA)).json()["question"] == "When is high tide?"
        assert browser.get(f"/v1/turns/{told[0]}", auth=("anybody", BERT)).status_code == 404
        assert browser.post("/v1/feedback", auth=("anybody", ANNA), json={"turn_id": told[0], "rating": "up"}).status_code == 401


@pytest.fixture
def operator(keyed: Served, library: Library) -> Iterator[httpx.Client]:
    directory = DataDirectory(library.services.settings.data_dir)
    with directory.owned():
        token = directory.announce(url=keyed.url, version="1").token.get_secret_value()
        with keyed.http(headers={"authorization": f"Bearer {token}"}) as opened:
            yield opened


def test_who_runs_the_server_sees_turns_of_others_whose_every_passage_they_may_read(
    keyed: Served, operator: httpx.Client, bert: httpx.Client, library: Library, told: tuple[str, str, str]
) -> None:
    assert operator.get(f"/v1/turns/{told[0]}").status_code == 404, "a collection of anna's alone"
    with asked_by_anna(keyed, library, principals=["everyone"], history=()) as (turn_id, _, _):
        seen, sampled = shown(operator, turn_id), output_item(operator, library, turn_id)
        assert bert.get(f"/v1/turns/{turn_id}").status_code == 404, "who may read its passages sees it for that no more than others"
    assert (seen["draft"], seen["passages"][0]["text"]) == ("At fourteen degrees. I guess.", "The red wine is kept at fourteen degrees.")
    assert "prompt" not in seen
    assert [each["content"] for each in sampled["sample"]["output"]] == ["At fourteen degrees. I guess."]


@pytest.mark.parametrize("more", [{"passages": (), "history": ()}, {"history": DIALOGUE}], ids=["no passages", "a follow-up"])
def test_who_runs_the_server_sees_no_turn_of_others_that_may_rest_on_more_than_its_passages(
    keyed: Served, operator: httpx.Client, anna: httpx.Client, library: Library, more: dict[str, Any]
) -> None:
    with asked_by_anna(keyed, library, principals=["everyone"], **more) as (turn_id, _, _):
        assert shown(anna, turn_id)["draft"] == "At fourteen degrees. I guess."
        refused = operator.get(f"/v1/turns/{turn_id}")
        item = output_item(operator, library, turn_id)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert (item["sample"]["input"], item["sample"]["output"]) == ([], [])
    assert "fourteen" not in json.dumps(item)


def output_item(operator: httpx.Client, library: Library, turn_id: str) -> dict[str, Any]:
    """Return how an eval over a set of one live turn shows its answer to who runs the server."""
    catalog, call, owner = library.services.catalog, library.threaded.call, caller("local", is_operator=True)
    made = call(imported(catalog, draft(turn_id, turn_id=turn_id), by=owner, name=turn_id, kind=SetKind.LIVE))
    asked_for = {
        "data_source_config": {"type": "logs", "metadata": {"set": made.set.id}},
        "testing_criteria": [{"type": "footnote", "name": "cites its source", "metric": "citations"}],
    }
    answer = operator.post("/v1/evals", json=asked_for)
    assert answer.status_code == 200, answer.text
    release = call(catalog.releases.ensure_champion({"model": "smollm2"}))
    run = call(catalog.evaluation_runs.create(set_id=made.set.id, release_id=release.id, caller=owner, eval_id=answer.json()["id"]))
    (case,) = call(catalog.evaluation_sets.cases(made.set.id, caller=owner))
    call(catalog.evaluation_runs.note_answer(run.id, case.id, turn_id=turn_id))
    (item,) = operator.get(f"/v1/evals/{run.eval_id}/runs/{run.id}/output_items").json()["data"]
    return item


def test_what_the_asker_may_not_read_any_more_is_left_out(anna: httpx.Client, told: tuple[str, str, str]) -> None:
    turn_id, store, file = told
    assert anna.delete(f"/v1/vector_stores/{store}/files/{file}").status_code == 200
    answer = anna.get(f"/v1/turns/{turn_id}")
    assert "red wine" not in answer.text
    turn = answer.json()
    (passage,) = turn["passages"]
    assert passage["readable"] is False
    assert not {"text", "filename", "file_id", "vector_store_id"} & passage.keys()
    assert "prompt" not in turn
    assert "quote" not in turn["claims"][0]["citations"][0]
    assert turn["shown"] == "At fourteen degrees [1].", "that was the answer"


def test_an_erased_turn_says_so(anna: httpx.Client, told: tuple[str, str, str]) -> None:
    turn_id, _, file = told
    anna.post("/v1/feedback", json={"turn_id": turn_id, "rating": "down", "comment": "fourteen?"})
    assert anna.delete(f"/v1/files/{file}").status_code == 200
    answer = anna.get(f"/v1/turns/{turn_id}")
    assert "fourteen" not in answer.text
    turn = answer.json()
    assert turn["erased_at"] > 0
    assert (turn["question"], turn["draft"], turn["shown"], turn["feedback"]["rating"]) == ("", "", "", "down")
    answer = anna.post("/v1/feedback", json={"turn_id": turn_id, "rating": "down", "comment": "It was fourteen."})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (409, "false")
    assert anna.post("/v1/feedback", json={"turn_id": turn_id, "rating": "up"}).json()["rating"] == "up"


def test_the_last_feedback_counts(anna: httpx.Client, told: tuple[str, str, str]) -> None:
    turn_id = told[0]
    first = anna.post("/v1/feedback", json={"turn_id": turn_id, "rating": "down", "comment": "No.", "correction": "At twelve."}).json()
    assert (first["object"], first["comment"], first["correction"]) == ("feedback", "No.", "At twelve.")
    assert shown(anna, turn_id)["feedback"] == first
    second = anna.post("/v1/feedback", json={"turn_id": turn_id, "rating": "up"}).json()
    assert second["id"] == first["id"]
    assert shown(anna, turn_id)["feedback"] == second
    assert not {"comment", "correction"} & second.keys()


@pytest.mark.parametrize(
    "wrong", [{"rating": "maybe"}, {"rating": None}, {"rating": "up", "stars": 5}, {"rating": "up", "comment": "x" * 20_001}]
)
def test_feedback_that_says_nothing_clear_is_refused(anna: httpx.Client, told: tuple[str, str, str], wrong: dict[str, Any]) -> None:
    assert anna.post("/v1/feedback", json={"turn_id": told[0], **wrong}).status_code == 400
    assert "feedback" not in shown(anna, told[0])
