"""Packing: which hits go into a prompt, within a budget of tokens, and how they are numbered.

Tokens are the embedder's own, as the chunks were counted. A hit costs what its chunk counts, context and text; a gap that joins two hits
costs its own text. Where hits are joined only the first one's context is prompted, so what is counted is never too little.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from footnote.core.catalog.records import TextSpan
from footnote.core.types import Hit, PageStarts, Passage, heading_of
from retrieval.neighbours import Run, gap_between, join_neighbours, single_runs

TokenSpans = Callable[[str], list[tuple[int, int]]]

MIN_PIECE_TOKENS = 32
"""A hit is cut only where so much of its text remains: less is a crumb that costs a number and says nothing."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)\]]*(?=\s)|[。！？]|\n")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")


def pack(
    hits: Sequence[Hit], *, budget_tokens: int, token_spans: TokenSpans, gap_texts: Mapping[TextSpan, str] | None = None
) -> tuple[Passage, ...]:
    """Return passages numbered from 1, the best first, that have at most ``budget_tokens`` together.

    The best hits are taken first. One that does not fit is cut after the last sentence that does; where none does it is left out, and
    smaller ones after it may still get in.

    Args:
        hits: best first, no chunk twice.
        budget_tokens: for contexts and texts of all passages.
        token_spans: the embedder's, as in its port.
        gap_texts: what stands between neighbours; without it no hits are joined.
    """
    chosen = _choose(hits, budget_tokens=budget_tokens, token_spans=token_spans, gap_texts=gap_texts or {})
    runs = single_runs(chosen) if gap_texts is None else join_neighbours(chosen, gap_texts=gap_texts)
    return tuple(_passage(run, n) for n, run in enumerate(runs, start=1))


def _choose(hits: Sequence[Hit], *, budget_tokens: int, token_spans: TokenSpans, gap_texts: Mapping[TextSpan, str]) -> list[Hit]:
    chosen: list[Hit] = []
    left = budget_tokens
    for hit in hits:
        if left < min(hit.chunk.n_tokens, MIN_PIECE_TOKENS):
            continue
        in_gaps = sum(len(token_spans(text)) for text in _gaps_closed_by(hit, chosen, gap_texts))
        fitting = hit if hit.chunk.n_tokens + in_gaps <= left else _cut(hit, left - in_gaps, token_spans)
        if fitting is not None:
            chosen.append(fitting)
            left -= fitting.chunk.n_tokens + in_gaps
    return chosen


def _gaps_closed_by(hit: Hit, chosen: Sequence[Hit], gap_texts: Mapping[TextSpan, str]) -> list[str]:
    """Return the texts that come into the prompt because this hit stands beside one that is chosen."""
    gaps = (gap_between(hit, other) or gap_between(other, hit) for other in chosen)
    return [gap_texts[gap] for gap in gaps if gap is not None and gap in gap_texts]


def _cut(hit: Hit, budget_tokens: int, token_spans: TokenSpans) -> Hit | None:
    """Return the beginning of a hit that fits, or None where too little would be left."""
    tokens = token_spans(hit.chunk.text)
    in_context = max(0, hit.chunk.n_tokens - len(tokens))
    room = budget_tokens - in_context
    if room < MIN_PIECE_TOKENS or room >= len(tokens):
        return None
    end = _last_boundary(hit.chunk.text, tokens[room - 1][1])
    n_kept = sum(token_end <= end for _, token_end in tokens)
    if n_kept < MIN_PIECE_TOKENS:
        end, n_kept = _last_word_end(hit.chunk.text, tokens[room - 1][1]), room
    if end == 0:
        return None
    chunk = replace(hit.chunk, end=hit.chunk.start + end, text=hit.chunk.text[:end], n_tokens=in_context + n_kept)
    return replace(hit, chunk=chunk)


def _last_boundary(text: str, limit: int) -> int:
    """Return the end of the last sentence or line that ends at ``limit`` or before, 0 where there is none."""
    return max((match.end() for match in _SENTENCE_END.finditer(text) if match.end() <= limit), default=0)


def _last_word_end(text: str, limit: int) -> int:
    return max((match.end() for match in _WORD_END.finditer(text) if match.end() <= limit), default=0)


def _passage(run: Run, n: int) -> Passage:
    first = run.hits[0].chunk
    best = max(run.hits, key=lambda hit: hit.score)
    return Passage(
        n=n,
        file_id=first.file_id,
        filename=first.filename,
        collection_id=first.collection_id,
        attachment_id=first.attachment_id,
        version_id=first.version_id,
        chunk_ids=tuple(hit.chunk.id for hit in run.hits),
        page=first.page,
        heading=heading_of(first.context),
        context=first.context,
        start=run.start,
        end=run.end,
        text=run.text,
        score=best.score,
        similarity=max(hit.similarity for hit in run.hits),
        page_starts=_page_starts(run),
    )


def _page_starts(run: Run) -> PageStarts:
    """Return where pages begin inside a run: within its chunks, and with each chunk that begins on another page."""
    starts = [start for hit in run.hits for start in ((hit.chunk.start, hit.chunk.page), *hit.chunk.page_starts)]
    # Chunks may overlap, and then the second one begins before the first one's last page does.
    return tuple(sorted({(offset, page) for offset, page in starts if page is not None and offset < run.end}))
