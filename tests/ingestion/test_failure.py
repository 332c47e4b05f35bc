"""What errors mean for a job."""

import pytest

from footnote.core.errors import (
    DocumentTooLarge,
    FootnoteError,
    IndexUnavailable,
    InvalidSettings,
    ModelUnavailable,
    ParserCrashed,
    StorageUnavailable,
    UnreadableDocument,
    UnsupportedMediaType,
)
from footnote.core.settings import IngestionSettings
from ingestion.failure import LONGEST_DELAY_S, delay_s, failure_of


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (UnsupportedMediaType("no"), "unsupported_file", False),
        (UnreadableDocument("no"), "invalid_file", False),
        (DocumentTooLarge("no"), "invalid_file", False),
        (DocumentTooLarge("no", code="memory_limit"), "memory_limit", False),
        (UnreadableDocument("no", code="no_text"), "no_text", False),
        (ParserCrashed("no"), "parser_crashed", True),
        (ModelUnavailable("no"), "server_error", True),
        (IndexUnavailable("no"), "server_error", True),
        (StorageUnavailable("no"), "server_error", True),
        (InvalidSettings("no"), "server_error", False),
        (ZeroDivisionError("secret text of a document"), "server_error", False),
    ],
)
def test_failures(error: Exception, code: str, retryable: bool) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in failure.message


def test_the_hint_is_told() -> None:
    error: FootnoteError = UnreadableDocument("It is encrypted.", hint="Remove the password.")
    assert failure_of(error).message == "It is encrypted. Remove the password."


def test_delays_grow_to_a_limit() -> None:
    assert 1.5 <= delay_s(1) <= 2.0
    assert 6.0 <= delay_s(3) <= 8.0
    assert delay_s(30) <= LONGEST_DELAY_S


def test_an_index_that_is_away_for_minutes_fails_no_document() -> None:
    settings = IngestionSettings()
    assert sum(0.75 * min(LONGEST_DELAY_S, 2.0 * 2**attempt) for attempt in range(settings.max_attempts - 1)) > 180
