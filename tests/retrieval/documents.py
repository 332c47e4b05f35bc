"""Small documents cut into chunks, and hits on them, for the tests of what is done with hits."""

import re
from dataclasses import dataclass

from hypothesis import strategies as st

from footnote.core.catalog.records import TextSpan
from footnote.core.types import Hit, StoredChunk

WORD = re.compile(r"\w+|[^\w\s]")


def token_spans(text: str) -> list[tuple[int, int]]:
    """A tokenizer for tests: words and signs."""
    return [match.span() for match in WORD.finditer(text)]


def n_tokens(text: str) -> int:
    return len(token_spans(text))


@dataclass(frozen=True)
class CutDocument:
    version_id: str
    text: str
    chunks: tuple[StoredChunk, ...]


def cut(version_id: str, pieces: list[tuple[str, str, str]]) -> CutDocument:
    """A document from (gap before, chunk's text, chunk's context)."""
    text, chunks = "", []
    for ordinal, (gap, piece, context) in enumerate(pieces):
        text += gap
        chunks.append(stored_chunk(piece, version_id=version_id, ordinal=ordinal, start=len(text), context=context))
        text += piece
    return CutDocument(version_id=version_id, text=text, chunks=tuple(chunks))


def stored_chunk(
    text: str, *, version_id: str = "ver_1", ordinal: int = 0, start: int = 0, context: str = "", page: int | None = 1
) -> StoredChunk:
    return StoredChunk(
        id=f"chunk_{version_id}_{ordinal}",
        version_id=version_id,
        attachment_id=f"att_{version_id}",
        file_id=f"file-{version_id}",
        filename=f"{version_id}.md",
        collection_id="vs_default",
        attributes={},
        ordinal=ordinal,
        start=start,
        end=start + len(text),
        text=text,
        context=context,
        page=page,
        n_tokens=n_tokens(text) + n_tokens(context),
    )


def hit(chunk: StoredChunk, *, score: float = 0.5, similarity: float = 0.5) -> Hit:
    return Hit(chunk=chunk, score=score, similarity=similarity)


def hits_on(*texts: str) -> list[Hit]:
    """Hits that have nothing to do with each other, the first one best."""
    return [hit(stored_chunk(text, version_id=f"ver_{n}"), score=1 - n / 100) for n, text in enumerate(texts)]


def texts_of(documents: list[CutDocument], spans: tuple[TextSpan, ...]) -> dict[TextSpan, str]:
    """What the catalog would read."""
    by_id = {document.version_id: document.text for document in documents}
    return {span: by_id[span.version_id][span.start : span.end] for span in spans}


_sentences = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["pump", "valve", "12", "Öl", "油", "🙂"]), min_size=1, max_size=12),
        st.sampled_from([". ", "! ", "\n", " "]),
    ),
    min_size=1,
    max_size=10,
).map(lambda parts: "".join(" ".join(words) + end for words, end in parts).strip())
_pieces = st.lists(
    st.tuples(
        st.sampled_from(["\n\n", " ", "\n# Pumps\n", "\n" + "left out " * 60]),
        _sentences,
        st.sampled_from(["", "Manual", "Manual › Pumps"]),
    ),
    min_size=1,
    max_size=6,
)
documents = st.lists(_pieces, min_size=1, max_size=3).map(
    lambda all_pieces: [cut(f"ver_{n}", pieces) for n, pieces in enumerate(all_pieces)]
)


@st.composite
def found(draw: st.DrawFn) -> tuple[list[CutDocument], list[Hit]]:
    """Documents, and hits on some of their chunks, best first."""
    drawn = draw(documents)
    chunks = draw(st.permutations([chunk for document in drawn for chunk in document.chunks]))
    n = draw(st.integers(0, len(chunks)))
    return drawn, [hit(chunk, score=1 - place / 100, similarity=draw(st.floats(-1, 1))) for place, chunk in enumerate(chunks[:n])]
