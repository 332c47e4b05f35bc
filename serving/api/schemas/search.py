"""Searching a vector store."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from serving.api.schemas.api_object import ApiObject, ApiRequest, omitted
from serving.api.schemas.filters import FiltersField

MAX_QUERIES = 16
QueryText = Annotated[str, StringConstraints(min_length=1)]


class RankingOptions(ApiRequest):
    """How results are ranked."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = Field(
        default="auto", description="All three give the same fused list of dense and BM25 search."
    )
    score_threshold: FiniteFloat = Field(default=0.0, ge=0, le=1, description="Leave out results with a lower score.")


class SearchRequest(ApiRequest):
    """What is searched for."""

    query: QueryText | Annotated[list[QueryText], Field(min_length=1, max_length=MAX_QUERIES)] = Field(
        description="A query, or several whose results are merged, each passage with its best score."
    )
    filters: FiltersField = None
    max_num_results: int = Field(default=10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    reindex: str | None = Field(
        default=None, max_length=64, description="footnote's own: search what this re-indexing has built, before it is shown."
    )
    rewrite_query: bool = Field(default=False, description="Accepted; queries are searched as they are.")


class ResultContent(ApiObject):
    """The text that was found; offsets point into the document's text."""

    type: Literal["text"] = "text"
    text: str
    chunk_id: str
    page: int | None = omitted()
    start: int
    end: int


class SearchResult(ApiObject):
    """A chunk that was found."""

    file_id: str
    filename: str
    score: float = Field(description="Between 0 and 1: how well this result did in dense and BM25 search, against the others.")
    similarity: float = Field(description="footnote's own: the cosine of query and chunk, comparable between queries.")
    attributes: dict[str, bool | float | str]
    content: list[ResultContent]
    chunk_id: str
    vector_store_id: str
    page: int | None = omitted()
    start: int
    end: int


class SearchResults(ApiObject):
    """Results, best first."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[SearchResult]
    has_more: bool = False
    next_page: str | None = None
