"""Citations as annotations of a message: for each one a ``url_citation`` that any client reads, and a ``file_citation`` with the rest."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, urlencode

from footnote.core.types import Citation, Claim, Passage
from serving.api.schemas.chat import Annotation, FileCitation, FileCitationAnnotation, Support, UrlCitation, UrlCitationAnnotation


def annotations_of(claims: Iterable[Claim], passages: Sequence[Passage], *, base_url: str) -> list[Annotation]:
    """Return the annotations of an answer in the order of its claims; a claim's citations in their own order.

    Args:
        claims: with offsets into the message.
        passages: those of the turn; citations name them by number.
        base_url: where people reach the server, without a slash at its end.
    """
    by_number = {passage.n: passage for passage in passages}
    return [
        annotation
        for claim in claims
        for citation in claim.citations
        for annotation in _annotations_of_one(claim, citation, by_number, base_url=base_url)
    ]


def source_url(passage: Passage, *, start: int, end: int, base_url: str) -> str:
    """Return the address of the page that shows this span of the passage's document."""
    path = f"/sources/{quote(passage.collection_id, safe='')}/{quote(passage.file_id, safe='')}"
    return f"{base_url}{path}?{urlencode({'start': start, 'end': end})}#cited"


def _annotations_of_one(claim: Claim, citation: Citation, passages: Mapping[int, Passage], *, base_url: str) -> list[Annotation]:
    passage = passages[citation.passage]
    url = UrlCitation(
        start_index=claim.start,
        end_index=claim.end,
        title=_title(passage, citation),
        url=source_url(passage, start=citation.start, end=citation.end, base_url=base_url),
    )
    file = FileCitation(
        file_id=passage.file_id,
        filename=passage.filename,
        index=claim.end,
        start_index=claim.start,
        end_index=claim.end,
        vector_store_id=passage.collection_id,
        chunk_ids=list(passage.chunk_ids),
        page=citation.page,
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        support=Support(verdict=claim.verdict.value, score=round(citation.score, 4)),
    )
    return [UrlCitationAnnotation(url_citation=url), FileCitationAnnotation(file_citation=file)]


def _title(passage: Passage, citation: Citation) -> str:
    return passage.filename if citation.page is None else f"{passage.filename}, page {citation.page}"
