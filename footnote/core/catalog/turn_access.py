"""Who may read a turn's text: query, draft and text shown hold what the turn was written from, and nobody is to read that by a detour."""

from footnote.core.types import Caller, Turn


def is_whole_for(caller: Caller, turn: Turn, *, all_readable: bool) -> bool:
    """Whether a caller may read all that a turn was written from, and so what was written.

    The asker wrote the dialogue, and may where they still may read every passage. Somebody else's turn is open to the operator alone, and
    only where its passages show what it was written from. They do not where it has none: that the operator may read all of nothing says
    nothing about the question, or about what was searched. Nor do they where a dialogue came before: from that, and so from passages of
    other turns, the query and the draft are written too.

    Args:
        caller: who wants to read.
        turn: with its text.
        all_readable: whether the caller may read every one of the turn's passages now.
    """
    if not all_readable:
        return False
    return turn.owner == caller.owner or (caller.is_operator and bool(turn.passages) and not turn.history)
