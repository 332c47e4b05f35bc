"""``footnote turn`` against a whole server with keys."""

from collections.abc import Iterator

import pytest

from footnote.cli.api_client import ApiClient
from footnote.cli.ask import ask
from footnote.cli.failure import CommandFailed
from footnote.cli.json_documents import TurnDocument
from footnote.cli.turn import show_turn, turn
from tests.api.conftest import threaded  # noqa: F401 - a fixture
from tests.api.evaluated import ANN, BEN, KEYS, whole_server
from tests.api.library import LoopThread, Served

QUESTION = "What do tides follow?"


@pytest.fixture(scope="module")
def whole(threaded: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:  # noqa: F811 - the fixture
    with whole_server(threaded, tmp_path_factory.mktemp("whole"), server=KEYS) as served:
        yield served


@pytest.fixture(scope="module")
def asked(whole: Served) -> str:
    with ApiClient(whole.url, token=ANN) as ann:
        return ask(ann, QUESTION, collection=None, on_text=lambda piece: None).turn_id


def test_a_turn_is_shown_with_all_that_explains_it(whole: Served, asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ApiClient(whole.url, token=ANN) as ann:
        document = turn(ann, asked)
    assert (document.turn_id, document.question, document.run_id) == (asked, QUESTION, None)
    assert document.claims
    assert all(claim.text in document.draft for claim in document.claims)
    assert document.passages[0].text
    show_turn(document)
    told = " ".join(capsys.readouterr().out.split())
    for words in (asked, QUESTION, document.draft, document.claims[0].text, "supported", "[1] ", document.passages[0].text):
        assert " ".join(words.split()) in told


@pytest.mark.parametrize("key", [BEN, None])
def test_somebody_elses_turn_is_not_shown(whole: Served, asked: str, key: str | None) -> None:
    with ApiClient(whole.url, token=key) as client, pytest.raises(CommandFailed):
        turn(client, asked)


def a_turn(**more: object) -> TurnDocument:
    fields = {
        "turn_id": "turn_1",
        "asked_at": 0,
        "release": "rel_1",
        "run_id": None,
        "erased_at": None,
        "question": QUESTION,
        "query": QUESTION,
        "draft": "The moon.",
        "claims": [],
        "shown": "The moon.",
        "changes": [],
        "abstained": False,
        "error_code": None,
        "passages": [],
    }
    return TurnDocument.model_validate({**fields, **more})


def test_what_is_gone_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_turn(a_turn(erased_at=9, question="", draft=""))
    assert "was erased" in capsys.readouterr().out
    show_turn(a_turn(passages=[{"n": 1, "readable": False, "score": 0.1}]))
    assert "may not read it any more" in capsys.readouterr().out


def test_what_models_and_documents_wrote_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[bold]\x1b[2J\u202e"
    passage = {"n": 1, "readable": True, "filename": hostile, "heading": hostile, "score": 0.1, "text": hostile}
    claim = {"text": hostile, "verdict": "unsupported", "score": 0.1}
    turned = a_turn(question=hostile, query=f"{hostile}?", draft=hostile, shown=f"{hostile}!", changes=[hostile])
    show_turn(turned.model_copy(update={"claims": a_turn(claims=[claim]).claims, "passages": a_turn(passages=[passage]).passages}))
    told = capsys.readouterr().out
    assert told.count("[bold][2J") == 9
    assert not {"\x1b", "\u202e"} & set(told)
