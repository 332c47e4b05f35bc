"""Tokens of a prompt whose tokenizer is at a server: an estimate that errs upwards."""

import re
from collections.abc import Sequence

from footnote.core.types import Message

_TEMPLATE_TOKENS = 8
"""What a chat template puts around a message: role, delimiters, line breaks; and once more for the answer's opening."""

_PIECE = re.compile(r"[A-Za-z0-9]+|[\n\t]| {2,}|[^\sA-Za-z0-9]")
_WORD = re.compile(r"[A-Za-z]?[a-z]+")


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Return a number of tokens that byte-level and sentence-piece vocabularies of 32,000 and more stay below on ordinary text.

    A word of ASCII letters counts a token per three letters begun, so a common word counts twice. Other runs of letters and digits
    (numbers, keys, capitals) and punctuation count one each; white space beyond single spaces one per line break and run; and any other
    character as many as its bytes in UTF-8.
    """
    return sum(_TEMPLATE_TOKENS + _tokens(message.content) for message in messages) + _TEMPLATE_TOKENS


def _tokens(text: str) -> int:
    return sum(_tokens_of_piece(piece) for piece in _PIECE.findall(text))


def _tokens_of_piece(piece: str) -> int:
    if _WORD.fullmatch(piece):
        return -(-len(piece) // 3)
    return 1 if piece.isspace() else len(piece.encode("utf-8", errors="replace"))
