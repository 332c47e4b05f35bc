"""The shape of completions and their chunks, without a server."""

import json
from typing import Any

from serving.answer import ClaimJudged, TextAdded
from serving.api.chat_stream import CompletionHead, chunks_of, completion_of
from tests.api.events import CLAIMS, PASSAGE, STARTED, TEXT, finished

HEAD = CompletionHead(id="chatcmpl-1", created=7, model="footnote", base_url="https://kb.example", include_usage=True)


def stream(*, include_usage: bool = True, claims: tuple[Any, ...] = CLAIMS) -> list[dict[str, Any]]:
    head = CompletionHead(id="chatcmpl-1", created=7, model="footnote", base_url="https://kb.example", include_usage=include_usage)
    events = [STARTED, TextAdded(TEXT[:10]), TextAdded(TEXT[10:]), *(ClaimJudged(claim) for claim in claims), finished(claims=claims)]
    return [json.loads(chunk.model_dump_json()) for event in events for chunk in chunks_of(event, head)]


def kind(chunk: dict[str, Any]) -> str:
    if not chunk["choices"]:
        return next(name for name in ("claim", "claims", "turn_id") if name in chunk["footnote"])
    choice = chunk["choices"][0]
    return "finish" if choice["finish_reason"] else next(name for name in ("role", "annotations", "content") if name in choice["delta"])


def test_chunks_come_in_the_order_that_was_promised() -> None:
    kinds = [kind(chunk) for chunk in stream()]
    assert kinds == ["role", "turn_id", "content", "content", "claim", "claim", "annotations", "finish", "claims"]


def test_each_chunk_has_choices_and_the_same_head() -> None:
    for chunk in stream():
        assert isinstance(chunk["choices"], list)
        assert (chunk["id"], chunk["object"], chunk["created"], chunk["model"]) == ("chatcmpl-1", "chat.completion.chunk", 7, "footnote")
        assert "error" not in chunk


def test_the_contents_joined_are_the_text() -> None:
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in stream() if chunk["choices"]) == TEXT


def test_usage_comes_with_the_turn_and_only_where_it_was_asked_for() -> None:
    *others, last = stream()
    assert last["usage"] == {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
    assert not any("usage" in chunk for chunk in [*others, *stream(include_usage=False)])


def test_without_citations_there_is_no_chunk_of_annotations() -> None:
    assert "annotations" not in [kind(chunk) for chunk in stream(claims=CLAIMS[1:])]


def test_what_does_not_apply_is_left_out_rather_than_null() -> None:
    completion = json.loads(completion_of(finished(), HEAD).model_dump_json())
    plain, unchecked = completion["footnote"]["passages"][1], completion["footnote"]["claims"][1]
    assert "page" not in plain
    assert "score" not in unchecked
    for annotation in completion["choices"][0]["message"]["annotations"]:
        assert None not in annotation[annotation["type"]].values()


def test_a_claim_names_its_passages_once_each() -> None:
    claims = json.loads(completion_of(finished(), HEAD).model_dump_json())["footnote"]["claims"]
    assert claims[0] == {"start": 0, "end": 25, "verdict": "supported", "score": 0.93, "citations": [1, 2], "replaced": False}
    assert claims[1]["citations"] == []


def test_each_citation_is_there_for_plain_clients_and_in_full() -> None:
    message = json.loads(completion_of(finished(), HEAD).model_dump_json())["choices"][0]["message"]
    assert [annotation["type"] for annotation in message["annotations"]] == ["url_citation", "file_citation"] * 3
    url, file = (annotation[annotation["type"]] for annotation in message["annotations"][:2])
    assert url == {
        "start_index": 0,
        "end_index": 25,
        "title": "manual.pdf, page 3",
        "url": "https://kb.example/sources/vs_1/file-1?start=100&end=137#cited",
    }
    assert file == {
        "file_id": "file-1",
        "filename": "manual.pdf",
        "index": 25,
        "start_index": 0,
        "end_index": 25,
        "vector_store_id": "vs_1",
        "chunk_ids": ["chunk_1", "chunk_2"],
        "page": 3,
        "quote": "The cellar is kept at eleven degrees.",
        "start": 100,
        "end": 137,
        "support": {"verdict": "supported", "score": 0.93},
    }
    assert PASSAGE.text[file["start"] - PASSAGE.start : file["end"] - PASSAGE.start] == file["quote"]
    assert message["annotations"][2]["url_citation"]["title"] == "notes & more.txt"
