import pytest

from footnote.cli.ask import show_text
from footnote.cli.failure import CommandFailed
from footnote.cli.terminal import complain, printable

CLEARS_THE_SCREEN, SETS_THE_TITLE, REVERSES = "\x1b[2J", "\x1b]0;owned\x07", "\u202e"


@pytest.mark.parametrize("steering", [CLEARS_THE_SCREEN, SETS_THE_TITLE, REVERSES, "\x9b31m", "\r", "\x08", "\x00", "\udc80"])
def test_what_steers_a_terminal_is_left_out(steering: str):
    assert not set(printable(f"before{steering}after")) & set("\x1b\x07\u202e\x9b\r\x08\x00\udc80")
    assert printable(f"before{steering}after").startswith("before")


def test_texts_of_all_writings_stay_as_they_are():
    for text in ("naïve café\n\tindented", "می‌خواهم", "👩‍🔬 測試", "עברית"):
        assert printable(text) == text


def test_answers_and_complaints_cannot_steer(capsys: pytest.CaptureFixture[str]):
    for piece in ("The tide ", "\x1b", "[2J", "rises."):
        show_text(piece)
    complain(CommandFailed(f"There is no {SETS_THE_TITLE}.", hint=CLEARS_THE_SCREEN))
    printed = capsys.readouterr()
    assert printed.out == "The tide [2Jrises."
    assert "\x1b" not in printed.err
    assert "\x07" not in printed.err
