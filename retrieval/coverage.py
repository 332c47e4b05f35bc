"""Coverage: how many of a question's content words a text has."""

from retrieval.index.bm25 import Bm25Encoder


class Coverage:
    """Compares a question's words with texts, word for word as BM25 does: stems, without stop words and accents."""

    def __init__(self) -> None:
        self._encoder = Bm25Encoder()

    def terms(self, query: str) -> frozenset[int]:
        """Return the question's distinct content words, hashed; empty for one that has only stop words."""
        return frozenset(self._encoder.query(query).indices)

    def of(self, text: str, terms: frozenset[int]) -> float:
        """Return the share of the terms that the text has, in [0, 1]; 0 where there are no terms."""
        return len(terms & frozenset(self._encoder.document(text).indices)) / len(terms) if terms else 0.0
