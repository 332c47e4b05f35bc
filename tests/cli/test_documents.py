import pytest

from footnote.cli.api_objects import Attachment, Collection, IngestionJob, LastError
from footnote.cli.document_actions import Chosen, meant
from footnote.cli.documents import document_table, progress_of, stored_document
from footnote.cli.failure import WRONG_USAGE, CommandFailed

SEA, LAKE = Collection(id="vs_1", name="sea"), Collection(id="vs_2", name="lake")


def attachment(file_id: str, status: str = "completed", *, state: str | None = None, attempt: int = 1, **counts: int) -> Attachment:
    return Attachment(
        id=file_id,
        created_at=0,
        status=status,
        usage_bytes=1,
        filename=f"{file_id}.pdf",
        last_error=LastError(code="invalid_file", message="It is empty.") if status == "failed" else None,
        footnote=IngestionJob(state=state or status, attempt=attempt, searchable=status == "completed", counts=counts),
    )


THERE = [
    (SEA, attachment("a")),
    (SEA, attachment("b", "failed")),
    (LAKE, attachment("b", "in_progress")),
    (LAKE, attachment("c", "failed")),
]


def chosen(*names: str, states: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    return [(place.name, each.id) for place, each in meant(THERE, Chosen(names, states=states))]


def test_documents_are_chosen_by_name_by_id_and_by_state():
    assert chosen("a.pdf") == chosen("a") == [("sea", "a")]
    assert chosen(states=frozenset({"failed"})) == [("sea", "b"), ("lake", "c")]
    assert chosen("c.pdf", "a", states=frozenset({"failed"})) == [("sea", "a"), ("sea", "b"), ("lake", "c")]


def test_a_name_that_is_unknown_or_not_the_only_one_is_refused():
    with pytest.raises(CommandFailed, match="no document x"):
        chosen("x")
    with pytest.raises(CommandFailed, match="b in sea, b in lake") as several:
        chosen("b.pdf")
    assert several.value.exit_status == WRONG_USAGE


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (attachment("a"), "completed"),
        (attachment("a", "failed"), "failed"),
        (attachment("a", "in_progress", state="parsing"), "parsing"),
        (attachment("a", "in_progress", state="queued", attempt=2), "queued, attempt 2"),
        (attachment("a", "in_progress", state="embedding", chunks=120, chunks_done=40), "embedding 40 of 120"),
    ],
)
def test_progress_is_said_in_a_few_words(shown: Attachment, words: str):
    assert progress_of(stored_document(shown, SEA)) == words


def test_a_failed_second_reading_says_that_the_first_is_still_found():
    failed = stored_document(attachment("a", "failed"), SEA)
    assert progress_of(failed.model_copy(update={"searchable": True})) == "failed, still found"


def test_what_there_is_to_know_of_a_document_stands_beside_it():
    noted = attachment("a").model_copy(update={"job": IngestionJob(state="completed", notes=["Nearly the same as b.pdf."])})
    document = stored_document(noted, SEA)
    assert document.notes == ["Nearly the same as b.pdf."]
    assert list(document_table([document]).columns[-1].cells) == ["Nearly the same as b.pdf."]


def test_how_much_was_marked_in_a_document_stands_beside_it():
    marked = attachment("a", chunks=3, redacted_iban_code=1, redacted_email_address=2)
    document = stored_document(marked, SEA)
    assert document.redacted == {"email_address": 2, "iban_code": 1}
    plain = stored_document(attachment("b", chunks=3), SEA)
    assert plain.redacted == {}
    assert list(document_table([document, plain]).columns[-1].cells) == ["Redacted: 2 email address, 1 iban code.", ""]
