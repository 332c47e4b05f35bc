"""The whole way, as it is wired: a PDF goes in by the stock client, an answer comes back whose footnotes lead to the right page.

Generator and judge are real; the generator quotes, so that the answer does not hang on a model's mood.
"""

import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import openai
import pytest
from reportlab.pdfgen.canvas import Canvas

from footnote.cli.wiring import open_services
from tests.api.library import LoopThread, Served, settings_in

PAGES = (
    ("The Lighthouse of Skelderby", "The lighthouse of Skelderby was built in 1871 by the engineer Agnes Tolland."),
    ("The Lamp", "The lamp of the lighthouse burns colza oil and is visible for nineteen nautical miles."),
    ("Visitors", "Visitors may climb the tower on Saturdays between ten and four; children under six may not."),
)
QUESTION = "How far is the lamp of the lighthouse visible?"
STORIES = "# Bees\n\nThe apiary has forty hives. Honey is harvested in late July.\n"


def pdf() -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for title, text in PAGES:
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 760, title)
        canvas.setFont("Helvetica", 11)
        canvas.drawString(72, 720, text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@pytest.fixture(scope="module")
def wired(threaded: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = settings_in(tmp_path_factory.mktemp("wired"), generator={"kind": "extractive"})
    with threaded.serve(settings, open_services) as served:
        threaded.call(served.app.state.opening.wait())
        served.wait_until_ready()
        yield served


@pytest.fixture(scope="module")
def client(wired: Served) -> Iterator[openai.OpenAI]:
    with wired.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def store(client: openai.OpenAI) -> str:
    store_id = client.vector_stores.create(name="lighthouses").id
    for name, content in (("lighthouse.pdf", pdf()), ("bees.md", STORIES.encode())):
        file = client.vector_stores.files.upload_and_poll(vector_store_id=store_id, file=(name, content))
        assert file.status == "completed", file.last_error
    return store_id


def document_text(client: openai.OpenAI, store: str, file_id: str) -> str:
    return "".join(part.text for part in client.vector_stores.files.content(file_id, vector_store_id=store).data)


def ask(client: openai.OpenAI, store: str, question: str = QUESTION) -> tuple[str, list[Any], dict[str, Any]]:
    """Stream an answer; return its text, its annotations and the turn."""
    stream = client.chat.completions.create(
        model="footnote", messages=[{"role": "user", "content": question}], stream=True, extra_body={"vector_store_ids": [store]}
    )
    text, annotations, turn = "", list[Any](), dict[str, Any]()
    for chunk in stream:
        turn = (chunk.model_extra or {}).get("footnote", turn)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            annotations += (choice.delta.model_extra or {}).get("annotations", [])
    return text, annotations, turn


def test_an_answer_leads_to_what_it_rests_on(client: openai.OpenAI, store: str) -> None:
    text, annotations, turn = ask(client, store)
    assert "nineteen nautical miles" in text
    assert not turn["abstained"]
    citations = [each["file_citation"] for each in annotations if each["type"] == "file_citation"]
    assert citations
    assert citations[0]["support"]["verdict"] == "supported"

    for citation in citations:
        document = document_text(client, store, citation["file_id"])
        assert document[citation["start"] : citation["end"]] == citation["quote"]
        assert 0 <= citation["start_index"] < citation["end_index"] <= len(text)
    for passage in turn["passages"]:
        document = document_text(client, store, passage["file_id"])
        assert document[passage["start"] : passage["end"]] == passage["text"]
    for claim in turn["claims"]:
        assert text[claim["start"] : claim["end"]].strip()
        assert set(claim["citations"]) <= {passage["n"] for passage in turn["passages"]}


def test_a_citation_names_the_page_of_its_quote(client: openai.OpenAI, store: str) -> None:
    _, annotations, _ = ask(client, store)
    assert [each["file_citation"]["page"] for each in annotations if each["type"] == "file_citation"] == [2]


def test_the_link_of_a_citation_shows_the_quote_marked(client: openai.OpenAI, store: str, wired: Served) -> None:
    _, annotations, _ = ask(client, store)
    links = [each["url_citation"]["url"] for each in annotations if each["type"] == "url_citation"]
    quotes = [each["file_citation"]["quote"] for each in annotations if each["type"] == "file_citation"]
    with wired.http() as browser:
        for link, quote in zip(links, quotes, strict=True):
            page = browser.get(link)
            assert page.status_code == 200
            marked = re.search(r'<mark id="cited">(.*?)</mark>', page.text, re.DOTALL)
            assert marked is not None
            assert unescape(re.sub(r"<[^>]+>", "", marked.group(1))) == quote


def test_what_the_collection_does_not_say_is_not_answered(client: openai.OpenAI, store: str) -> None:
    text, annotations, turn = ask(client, store, "Which football club won the cup in Brazil last year?")
    assert turn["abstained"]
    assert annotations == []
    assert text


def test_an_unknown_collection_has_a_status_of_its_own_also_in_a_stream(client: openai.OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(
                model="footnote",
                messages=[{"role": "user", "content": QUESTION}],
                stream=stream,
                extra_body={"vector_store_ids": ["vs_nowhere"]},
            )
        assert (caught.value.code, caught.value.param) == ("not_found", "vector_store_id")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="kb:vs_nowhere", messages=[{"role": "user", "content": QUESTION}])


def test_the_alias_of_a_collection_asks_it_alone(client: openai.OpenAI, store: str) -> None:
    answer = client.chat.completions.create(model=f"kb:{store}", messages=[{"role": "user", "content": "When is honey harvested?"}])
    assert "July" in (answer.choices[0].message.content or "")
    empty = client.vector_stores.create(name="empty").id
    nothing = client.chat.completions.create(model=f"kb:{empty}", messages=[{"role": "user", "content": "When is honey harvested?"}])
    assert nothing.model_extra is not None
    assert nothing.model_extra["footnote"]["abstained"]


def test_filters_hold_in_a_question(client: openai.OpenAI, store: str) -> None:
    answer = client.chat.completions.create(
        model=f"kb:{store}",
        messages=[{"role": "user", "content": "When is honey harvested?"}],
        extra_body={"filters": {"type": "eq", "key": "topic", "value": "lighthouses"}},
    )
    assert answer.model_extra is not None
    assert answer.model_extra["footnote"]["passages"] == []


def test_the_stages_of_retrieval_are_measured(client: openai.OpenAI, store: str, wired: Served) -> None:
    ask(client, store)
    with wired.http() as browser:
        metrics = browser.get("/metrics").text
    assert {"embed", "search", "load", "pack"} <= set(re.findall(r'stage="(\w+)"', metrics))
