"""Chunks of a document, and the windows in which a chunk is embedded.

The text of all chunks together is all text of the document's elements, headings included; the headings that apply to a chunk also stand
in its context, so that each chunk can be understood alone. Sizes count the context, a line break and the text.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from footnote.core.ids import chunk_id
from footnote.core.types import Chunk, ChunkingRecipe, Document, Element, ElementKind, PageStarts
from ingestion.chunking.groups import TINY_SHARE, Group, grouped
from ingestion.chunking.sections import PATH_SEPARATOR, sections_of
from ingestion.chunking.splitting import Span, sentences, split_spans, stripped
from ingestion.chunking.tokens import Tokens, TokenSpans

_PATH_SHARE = 0.25
_CAPTION_SHARE = 0.125
_HEADER_SHARE = 0.25
"""What each part of the context may take of a chunk's size at most; the text has the rest."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A chunk to be: where its text lies, and its context."""

    span: Span
    context: str


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with what leads to it: a heading, a caption, a short paragraph directly above."""

    lead_start: int
    element: Element


@dataclass(frozen=True, slots=True)
class _Prose:
    """Everything between tables."""

    span: Span
    n_title_chars: int
    """How much of its beginning is headings."""


def chunk(document: Document, *, recipe: ChunkingRecipe, token_spans: TokenSpans, window_tokens: int, version_id: str) -> list[Chunk]:
    """Return a document's chunks, in order.

    Args:
        document: the cleaned document.
        recipe: ``auto`` chunks are at most ``max_tokens`` and fit the window; ``static`` ones may be larger, see ``windows``.
        token_spans: the embedder's tokenizer.
        window_tokens: tokens that the embedder takes at once, special tokens not counted.
        version_id: the version that the chunks belong to; the same document gives the same ids again.
    """
    tokens = Tokens(token_spans)
    size = recipe.max_tokens if recipe.kind == "static" else min(recipe.max_tokens, window_tokens)
    drafts = [
        draft
        for group in grouped(document, sections_of(document), size=size, tokens=tokens)
        for draft in _GroupChunker(document, group, size=size, overlap=recipe.overlap_tokens, tokens=tokens).drafts()
    ]
    pages = _Pages(_page_starts(document), default=document.elements[0].page if document.elements else None)
    return [
        Chunk(
            id=chunk_id(version_id=version_id, ordinal=ordinal),
            ordinal=ordinal,
            start=draft.span[0],
            end=draft.span[1],
            text=document.text[draft.span[0] : draft.span[1]],
            context=draft.context,
            page=pages.at(draft.span[0]),
            page_starts=pages.starting_within(draft.span),
            n_tokens=tokens.count(_embedded(draft.context, document.text[draft.span[0] : draft.span[1]])),
        )
        for ordinal, draft in enumerate(drafts)
    ]


def windows(chunk: Chunk, *, token_spans: TokenSpans, window_tokens: int) -> list[str]:
    """Return the texts under which a chunk is embedded: its own where it fits the window, else parts of it, each with the context."""
    if chunk.n_tokens <= window_tokens:
        return [chunk.embedded_text]
    tokens = Tokens(token_spans)
    context = tokens.shortened(chunk.context, budget=window_tokens // 2, keep_end=True) if chunk.context else ""
    spans = _fitting_spans(chunk.text, context=context, size=window_tokens, tokens=tokens)
    return [_embedded(context, chunk.text[start:end]) for start, end in spans]


class _Pages:
    """Where pages begin, looked up by halving: a long document has thousands of pages, and more chunks than that."""

    def __init__(self, starts: PageStarts, *, default: int | None) -> None:
        self._starts = starts
        self._offsets = [offset for offset, _ in starts]
        self._default = default

    def at(self, offset: int) -> int | None:
        place = bisect_right(self._offsets, offset)
        return self._starts[place - 1][1] if place else self._default

    def starting_within(self, span: Span) -> PageStarts:
        """Return the pages that begin behind the span's first character."""
        return self._starts[bisect_right(self._offsets, span[0]) : bisect_left(self._offsets, span[1])]


def _page_starts(document: Document) -> PageStarts:
    """Return where each page begins: with its first element."""
    starts: list[tuple[int, int]] = []
    for element in document.elements:
        if element.page is not None and (not starts or starts[-1][1] != element.page):
            starts.append((element.start, element.page))
    return tuple(starts)


def _embedded(context: str, text: str) -> str:
    return f"{context}\n{text}" if context else text


def _fitting_spans(text: str, *, context: str, size: int, tokens: Tokens, reserve: int = 0) -> list[Span]:
    """Split a text so that every part fits with its context.

    Tokens of parts do not always add up to the tokens of the whole, so the result is counted, and the budget lowered where it is over.
    """
    budget = max(1, size - (tokens.cost(context) + 1 if context else 0) - reserve)
    while True:
        spans = split_spans(text, budget=budget, tokens=tokens)
        over = max((tokens.count(_embedded(context, text[start:end])) + reserve - size for start, end in spans), default=0)
        if over <= 0 or budget <= 1:
            return spans
        budget = max(1, budget - over)


class _GroupChunker:
    """Cuts one group of sections."""

    def __init__(self, document: Document, group: Group, *, size: int, overlap: int, tokens: Tokens) -> None:
        self._text = document.text
        self._group = group
        self._size = size
        self._tokens = tokens
        self._path = tokens.shortened(PATH_SEPARATOR.join(group.path), budget=int(_PATH_SHARE * size), keep_end=True)
        self._overlap = min(overlap, (size - tokens.cost(self._path)) // 2)

    def drafts(self) -> list[_Draft]:
        elements = self._group.elements
        whole = (elements[0].start, elements[-1].end)
        draft = _Draft(whole, self._context(whole, tables=elements))
        if self._fits(draft):
            return [draft]
        return self._with_tiny_joined([draft for part in self._parts(elements) for draft in self._drafts_of(part)])

    def _with_tiny_joined(self, drafts: Sequence[_Draft]) -> list[_Draft]:
        """Join a tiny chunk to the one before it, such as a remark under a table, where both fit under that one's context."""
        joined: list[_Draft] = []
        for draft in drafts:
            if joined and (self._is_tiny(draft.span) or self._is_tiny(joined[-1].span)):
                both = _Draft((joined[-1].span[0], draft.span[1]), joined[-1].context)
                if self._fits(both):
                    joined[-1] = both
                    continue
            joined.append(draft)
        return joined

    def _is_tiny(self, span: Span) -> bool:
        return self._tokens.within(self._text[span[0] : span[1]], int(TINY_SHARE * self._size))

    def _drafts_of(self, part: _Prose | _Table) -> list[_Draft]:
        return self._drafts_of_prose(part) if isinstance(part, _Prose) else self._drafts_of_table(part)

    def _fits(self, draft: _Draft) -> bool:
        text = self._text[draft.span[0] : draft.span[1]]
        return self._tokens.within(text, self._budget(draft.context)) and self._tokens.count(_embedded(draft.context, text)) <= self._size

    def _context(self, span: Span, *, tables: Sequence[Element], header: str = "") -> str:
        """Return the heading path, the captions that do not stand in the text itself, and the header of a table whose rows go on."""
        text = self._text[span[0] : span[1]]
        captions = [element.caption for element in tables if element.caption and element.caption not in text]
        caption = self._tokens.shortened("; ".join(captions), budget=int(_CAPTION_SHARE * self._size))
        shown_header = self._tokens.shortened(header, budget=int(_HEADER_SHARE * self._size))
        return "\n".join(line for line in (self._path, caption, shown_header) if line)

    def _parts(self, elements: Sequence[Element]) -> list[_Prose | _Table]:
        """Divide elements into tables and what lies between them."""
        parts: list[_Prose | _Table] = []
        run: list[Element] = []
        for element in elements:
            if element.kind is not ElementKind.TABLE:
                run.append(element)
                continue
            n_before = len(run) - self._n_leading(run)
            if n_before:
                parts.append(_prose(run[:n_before]))
            parts.append(_Table(run[n_before].start if n_before < len(run) else element.start, element))
            run = []
        if run:
            parts.append(_prose(run))
        return parts

    def _n_leading(self, run: Sequence[Element]) -> int:
        """Return how many elements directly above a table go with it: all that are tiny together, as they say what it is about.

        A heading never stays behind alone.
        """
        n_leading = 0
        while n_leading < len(run) and self._is_tiny((run[-n_leading - 1].start, run[-1].end)):
            n_leading += 1
        rest = run[: len(run) - n_leading]
        return len(run) if all(element.kind is ElementKind.TITLE for element in rest) else n_leading

    # -------------------------------------------------------------------------------------------------------------------------- prose

    def _drafts_of_prose(self, prose: _Prose) -> list[_Draft]:
        offset, end = prose.span
        text = self._text[offset:end]
        spans = _fitting_spans(text, context=self._path, size=self._size, tokens=self._tokens, reserve=self._overlap)
        spans = self._with_heading_followed(text, spans, n_title_chars=prose.n_title_chars)
        if self._overlap:
            spans = self._overlapping(text, spans)
        return [_Draft((offset + start, offset + stop), self._path) for start, stop in spans]

    def _with_heading_followed(self, text: str, spans: list[Span], *, n_title_chars: int) -> list[Span]:
        """Move sentences from the second range to the first where that one holds nothing but headings."""
        if len(spans) < 2 or not n_title_chars or spans[0][1] > n_title_chars:
            return spans
        first, second = spans[0], spans[1]
        cut = second[0]
        position = second[0]
        for sentence in sentences(text[second[0] : second[1]]):
            position += len(sentence)
            if not self._fits(_Draft(stripped(text, (first[0], position)), self._path)):
                break
            cut = position
        if cut in (second[0], second[1]):
            return spans
        return [stripped(text, (first[0], cut)), stripped(text, (cut, second[1])), *spans[2:]]

    def _overlapping(self, text: str, spans: list[Span]) -> list[Span]:
        """Begin every range but the first with the sentences before it, as many as the overlap allows."""
        extended = spans[:1]
        for before, (start, end) in itertools.pairwise(spans):
            position = start
            for sentence in reversed(sentences(text[before[0] : start])):
                earlier = position - len(sentence)
                if earlier <= before[0] or self._tokens.cost(text[earlier:start]) > self._overlap:
                    break
                position = earlier
            candidate = stripped(text, (position, end))
            extended.append(
                candidate if self._tokens.count(_embedded(self._path, text[candidate[0] : end])) <= self._size else (start, end)
            )
        return extended

    # ------------------------------------------------------------------------------------------------------------------------- tables

    def _drafts_of_table(self, table: _Table) -> list[_Draft]:
        element = table.element
        whole = (table.lead_start, element.end)
        draft = _Draft(whole, self._context(whole, tables=[element]))
        if self._fits(draft):
            return [draft]
        rows = list(self._rows(table))
        n_header_rows = min(element.n_header_rows, len(rows) - 1)  # a table that is all header has rows that say something
        header = "\n".join(self._text[element.start : element.end].split("\n")[:n_header_rows])
        lead_and_header = (table.lead_start, rows[n_header_rows - 1][1] if n_header_rows else table.lead_start)
        first_context = self._context(lead_and_header, tables=[element])
        next_context = self._context((0, 0), tables=[element], header=header)
        return list(self._row_groups(rows, first_context=first_context, next_context=next_context))

    def _rows(self, table: _Table) -> Iterator[Span]:
        """Yield the table's lines; the first one begins with what leads to the table."""
        start = table.element.start
        for index, line in enumerate(self._text[table.element.start : table.element.end].split("\n")):
            end = start + len(line)
            yield (table.lead_start if index == 0 else start), end
            start = end + 1

    def _row_groups(self, rows: Sequence[Span], *, first_context: str, next_context: str) -> Iterator[_Draft]:
        context = first_context
        group: Span | None = None
        group_cost = 0
        budget = self._budget(context)
        for row in rows:
            cost = self._tokens.cost(self._text[row[0] : row[1]]) + 1
            if group is not None and group_cost + cost > budget:
                yield from self._split(group, context)
                context, group = next_context, None
                budget = self._budget(context)
            group_cost = cost if group is None else group_cost + cost
            group = row if group is None else (group[0], row[1])
        if group is not None:
            yield from self._split(group, context)

    def _budget(self, context: str) -> int:
        return self._size - (self._tokens.cost(context) + 1 if context else 0)

    def _split(self, span: Span, context: str) -> Iterator[_Draft]:
        """Yield a group of rows, in parts where a single row is too long."""
        text = self._text[span[0] : span[1]]
        for start, end in _fitting_spans(text, context=context, size=self._size, tokens=self._tokens):
            yield _Draft((span[0] + start, span[0] + end), context)


def _prose(run: Sequence[Element]) -> _Prose:
    n_title_chars = 0
    for element in run:
        if element.kind is not ElementKind.TITLE:
            break
        n_title_chars = element.end - run[0].start
    return _Prose((run[0].start, run[-1].end), n_title_chars)
