"""What a command says when it cannot do its work: one line, what to do about it, and an exit status."""

from footnote.core.errors import FootnoteError, InvalidSettings

FAILED = 1
WRONG_USAGE = 2


class CommandFailed(Exception):
    """The command cannot go on.

    Args:
        message: what happened, in one sentence.
        hint: what to do about it.
        exit_status: 1 for what failed, 2 for wrong usage.
    """

    def __init__(self, message: str, *, hint: str | None = None, exit_status: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_status = exit_status


class Refused(CommandFailed):
    """The server has answered, and said no: another request may fare better."""


def as_failure(error: FootnoteError) -> CommandFailed:
    """Return what the command line says about an error of footnote's own. Wrong settings are wrong usage."""
    exit_status = WRONG_USAGE if isinstance(error, InvalidSettings) else FAILED
    return CommandFailed(error.message, hint=error.hint, exit_status=exit_status)
