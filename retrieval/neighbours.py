"""Neighbours: hits that follow each other in a document are one passage, with what stands between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from footnote.core.catalog.records import TextSpan
from footnote.core.types import Hit

MAX_GAP_CHARS = 400
"""Between two chunks stands white space, a heading, a running header: more than this is text that was left out of the chunks on purpose."""


@dataclass(frozen=True, slots=True)
class Run:
    """Hits that follow each other, in the document's order, and the text from the first one's start to the last one's end."""

    hits: tuple[Hit, ...]
    text: str

    @property
    def start(self) -> int:
        return self.hits[0].chunk.start

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def gaps_to_read(hits: Sequence[Hit]) -> tuple[TextSpan, ...]:
    """Return the spans between neighbouring hits whose text no chunk holds, in the order of the documents."""
    gaps = (gap_between(one, next_one) for one, next_one in pairwise(_in_document_order(hits)))
    return tuple(gap for gap in gaps if gap is not None and gap.end > gap.start)


def gap_between(one: Hit, next_one: Hit) -> TextSpan | None:
    """Return what stands between two hits of which the second follows the first, empty where they touch or overlap; else None."""
    if one.chunk.version_id != next_one.chunk.version_id or next_one.chunk.ordinal != one.chunk.ordinal + 1:
        return None
    if not one.chunk.start <= next_one.chunk.start <= one.chunk.end + MAX_GAP_CHARS or next_one.chunk.end < one.chunk.end:
        return None
    return TextSpan(version_id=one.chunk.version_id, start=one.chunk.end, end=max(one.chunk.end, next_one.chunk.start))


def join_neighbours(hits: Sequence[Hit], *, gap_texts: Mapping[TextSpan, str]) -> tuple[Run, ...]:
    """Return each hit in exactly one run, the runs in the order of the best hit of each.

    Hits whose gap has a text that is not among ``gap_texts`` stay apart: without ``gap_texts`` only those that touch are joined.
    """
    rank = {hit.chunk.id: place for place, hit in enumerate(hits)}
    runs = _runs(_in_document_order(hits), gap_texts)
    return tuple(sorted(runs, key=lambda run: min(rank[hit.chunk.id] for hit in run.hits)))


def single_runs(hits: Sequence[Hit]) -> tuple[Run, ...]:
    """Return a run of its own for each hit, in their order."""
    return tuple(Run(hits=(hit,), text=hit.chunk.text) for hit in hits)


def _in_document_order(hits: Sequence[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (hit.chunk.version_id, hit.chunk.ordinal))


def _runs(hits: Sequence[Hit], gap_texts: Mapping[TextSpan, str]) -> Iterator[Run]:
    run: Run | None = None
    for hit in hits:
        joined = None if run is None else _appended(run, hit, gap_texts)
        if run is not None and joined is None:
            yield run
        run = joined or Run(hits=(hit,), text=hit.chunk.text)
    if run is not None:
        yield run


def _appended(run: Run, hit: Hit, gap_texts: Mapping[TextSpan, str]) -> Run | None:
    gap = gap_between(run.hits[-1], hit)
    between = "" if gap is not None and gap.start == gap.end else None if gap is None else gap_texts.get(gap)
    if between is None:
        return None
    # Neighbours may overlap, and then the second one's text goes on where the first one's ended.
    rest = hit.chunk.text[max(0, run.end - hit.chunk.start) :]
    return Run(hits=(*run.hits, hit), text=run.text + between + rest)
