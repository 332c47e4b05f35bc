"""Long text cut at paragraphs, sentences and words by llama-index, with exact offsets.

llama-index looks a chunk up in its text to find where it stands, which fails on text that comes twice. Here the splitter runs without an
overlap, so that its chunks are the text in order, but for whitespace between them: where one ends and whitespace is passed, the
next one begins.
"""

import re
from functools import partial

from ingestion.chunking.tokens import Tokens

Span = tuple[int, int]
"""A half-open range of code points."""

_PARAGRAPH_SEPARATOR = "\n\n"
_MAX_BLOCK_CHARS = 50_000
"""Longer text is cut at a space before it is split, so that the work stays in proportion to the text."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[^\sa-z])|(?<=[。！？])\s*|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b[A-Za-z]|\b(?:e\.g|i\.e|etc|cf|vs|No|Nr|Dr|Mr|Mrs|Ms|St|Fig|Inc|Ltd|Co|approx|ca|p|pp|Art|Sec|bzw|z\.B))\.$"
)


_LONGEST_ABBREVIATION = 10


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, with the whitespace after each: together they are the text."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.end() == start or _ABBREVIATION.search(text, max(start, match.start() - _LONGEST_ABBREVIATION), match.start()):
            continue
        parts.append(text[start : match.end()])
        start = match.end()
    if start < len(text):
        parts.append(text[start:])
    return parts


def split_spans(text: str, *, budget: int, tokens: Tokens) -> list[Span]:
    """Return ranges that cover all of ``text`` but whitespace, in order, not overlapping, each at most ``budget`` in cost.

    A single character that costs more than the budget is a range of its own.
    """
    spans: list[Span] = []
    for start, end in _blocks(text):
        for inner_start, inner_end in _spans_of_block(text[start:end], budget=budget, tokens=tokens):
            spans.append((start + inner_start, start + inner_end))
    return spans


def _blocks(text: str) -> list[Span]:
    blocks: list[Span] = []
    start = 0
    while len(text) - start > _MAX_BLOCK_CHARS:
        limit = start + _MAX_BLOCK_CHARS
        cut = max(text.rfind(separator, start + 1, limit) for separator in (_PARAGRAPH_SEPARATOR, "\n", " "))
        end = cut if cut > start else limit
        blocks.append((start, end))
        start = end
    return [*blocks, (start, len(text))]


def _spans_of_block(text: str, *, budget: int, tokens: Tokens) -> list[Span]:
    if not text.strip():
        return []
    start, end = stripped(text, (0, len(text)))
    if tokens.cost(text[start:end]) <= budget or end - start == 1:
        return [(start, end)]
    return [
        part
        for chunk_start, chunk_end in _by_llama_index(text, budget=budget, tokens=tokens)
        for part in _halved(text, (chunk_start, chunk_end), budget=budget, tokens=tokens)
    ]


def _by_llama_index(text: str, *, budget: int, tokens: Tokens) -> list[Span]:
    from llama_index.core.node_parser import SentenceSplitter  # noqa: PLC0415 - more than a second

    splitter = SentenceSplitter(
        chunk_size=budget,
        chunk_overlap=0,
        tokenizer=partial(_tokens_or_more, tokens=tokens),
        paragraph_separator=_PARAGRAPH_SEPARATOR,
        chunking_tokenizer_fn=sentences,
    )
    spans: list[Span] = []
    position = 0
    try:
        pieces = splitter.split_text(text)
    except ValueError:  # a single character costs more than the budget, which llama-index refuses; halving gets by
        return [(0, len(text))]
    for piece in pieces:
        while text[position].isspace():
            position += 1
        assert text.startswith(piece, position), "the splitter's chunks are the text in order"
        spans.append((position, position + len(piece)))
        position += len(piece)
    return spans


def _tokens_or_more(text: str, *, tokens: Tokens) -> range:
    """Return something as long as the text is costly: the splitter only asks for its length."""
    return range(tokens.cost(text))


def _halved(text: str, span: Span, *, budget: int, tokens: Tokens) -> list[Span]:
    """Cut a range that is still too costly, as parts put together may have more tokens than they had alone."""
    start, end = stripped(text, span)
    if start == end:
        return []
    if end - start == 1 or tokens.cost(text[start:end]) <= budget:
        return [(start, end)]
    middle = (start + end) // 2
    space = text.rfind(" ", start + 1, middle)
    cut = space if space > start else middle
    return [*_halved(text, (start, cut), budget=budget, tokens=tokens), *_halved(text, (cut, end), budget=budget, tokens=tokens)]


def stripped(text: str, span: Span) -> Span:
    """Return a range without whitespace at its ends."""
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
