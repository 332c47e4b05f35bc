"""What every embedder promises. A test class per implementation inherits this and gives the fixture ``embedder``."""

import asyncio

import numpy as np
import pytest

from footnote.core.errors import InvalidInput
from retrieval.embedder.port import Embedder

LEAVE = "Employees receive thirty days of paid annual leave."
PRINTER = "The printer on the second floor needs new toner."
MIXED = ["Überstunden werden ausgezahlt.", LEAVE, "", "日本語の文章です。", PRINTER * 4, "🙂 emoji", "a"]


def words(n_tokens: int) -> str:
    """A text whose tokens can be counted on the fingers: common words of one token each."""
    return " ".join(["holiday"] * n_tokens)


class EmbedderContract:
    """The promises of ``retrieval.embedder.port.Embedder``."""

    tokens_are_exact = True

    async def test_vectors_have_shape_type_and_length_one(self, embedder: Embedder):
        for vectors in (await embedder.embed_documents(MIXED), await embedder.embed_queries(MIXED)):
            assert vectors.shape == (len(MIXED), embedder.recipe.dimension)
            assert vectors.dtype == np.float32
            assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(MIXED)), abs=1e-5)

    async def test_input_order_is_kept(self, embedder: Embedder):
        texts = [f"{word} " * repeats for repeats, word in enumerate(["cat", "dog", "house", "river", "engine", "law"], start=1)]
        together = await embedder.embed_documents(texts)
        backwards = (await embedder.embed_documents(texts[::-1]))[::-1]
        alone = np.concatenate([await embedder.embed_documents([text]) for text in texts])
        for other in (backwards, alone):
            assert (together * other).sum(axis=1) == pytest.approx(np.ones(len(texts)), abs=2e-3)

    async def test_meaning_is_near_meaning(self, embedder: Embedder):
        documents = await embedder.embed_documents([LEAVE, PRINTER])
        (question,) = await embedder.embed_queries(["How much vacation do I get?"])
        leave, printer = documents @ question
        assert leave > printer + 0.2

    async def test_no_text_gives_no_rows(self, embedder: Embedder):
        for vectors in (await embedder.embed_documents([]), await embedder.embed_queries([])):
            assert vectors.shape == (0, embedder.recipe.dimension)
            assert vectors.dtype == np.float32

    async def test_a_document_that_fills_the_window_is_taken_and_a_longer_one_refused(self, embedder: Embedder):
        text = PRINTER
        while len(embedder.token_spans(text + " toner")) <= embedder.recipe.max_tokens:
            text += " toner"
        text += "." * (embedder.recipe.max_tokens - len(embedder.token_spans(text)))
        assert len(embedder.token_spans(text)) == embedder.recipe.max_tokens
        assert (await embedder.embed_documents([text])).shape[0] == 1
        with pytest.raises(InvalidInput, match="Text 1"):
            await embedder.embed_documents(["short", text + "."])

    async def test_nothing_of_a_document_is_cut_off(self, embedder: Embedder):
        filling = "toner "
        while len(embedder.token_spans(filling + "toner umbrella")) <= embedder.recipe.max_tokens - 2:
            filling += "toner "
        one, other = await embedder.embed_documents([filling + "umbrella", filling + "toner"])
        assert one @ other < 0.9999

    async def test_a_long_question_counts_to_its_end(self, embedder: Embedder):
        beginning = "The printer needs toner. " * 60
        question, cut, ending = await embedder.embed_queries([beginning + (LEAVE + " ") * 60, beginning, LEAVE])
        assert question @ ending > cut @ ending + 0.1

    async def test_a_question_without_end(self, embedder: Embedder):
        vectors = await embedder.embed_queries(["x" * 20_000, "why? " * 600])
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-5)

    async def test_token_spans_are_ordered_and_lie_in_the_text(self, embedder: Embedder):
        for text in [*MIXED, LEAVE + "\n\n" + PRINTER, "re\u0301sume\u0301", "a\ud800b"]:
            spans = embedder.token_spans(text)
            assert all(0 <= start < end <= len(text) for start, end in spans)
            assert spans == sorted(spans)
        assert embedder.token_spans("") == []

    async def test_token_spans_name_words(self, embedder: Embedder):
        if not self.tokens_are_exact:
            pytest.skip("this embedder has no tokenizer and estimates")
        text = "Überstunden: thirty days"
        spans = embedder.token_spans(text)
        assert [text[start:end] for start, end in spans[-2:]] == ["thirty", "days"]
        assert "".join(text[start:end] for start, end in spans) == text.replace(" ", "")

    async def test_token_spans_from_many_threads_while_embedding(self, embedder: Embedder):
        expected = embedder.token_spans(PRINTER)
        embedding = asyncio.gather(*(embedder.embed_documents([PRINTER, LEAVE]) for _ in range(4)))
        found = await asyncio.gather(*(asyncio.to_thread(embedder.token_spans, PRINTER) for _ in range(50)))
        await embedding
        assert all(spans == expected for spans in found)

    async def test_many_callers_at_once_each_get_their_own(self, embedder: Embedder):
        texts = [f"{word} {number}" for number, word in enumerate(["cat", "dog", "house", "river"] * 4)]
        alone = await embedder.embed_documents(texts)
        found = await asyncio.gather(*(embedder.embed_queries([text]) for text in texts))
        assert (np.concatenate(found) * alone).sum(axis=1) == pytest.approx(np.ones(len(texts)), abs=2e-3)

    async def test_a_caller_who_gives_up_disturbs_nobody(self, embedder: Embedder):
        given_up = asyncio.create_task(embedder.embed_documents([PRINTER] * 20))
        kept = asyncio.create_task(embedder.embed_documents([LEAVE]))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await kept).shape[0] == 1

    async def test_health(self, embedder: Embedder):
        health = await embedder.health()
        assert health.ready
        assert health.name == "embedder"
