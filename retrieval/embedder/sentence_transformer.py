"""An embedder in this process, on sentence-transformers."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Encoding

from footnote.core.errors import InvalidInput, InvalidSettings, ModelUnavailable
from footnote.core.offload import offload, offload_to
from footnote.core.settings import EmbedderSettings
from footnote.core.types import EmbeddingRecipe, PartHealth
from retrieval.embedder.batching import batches
from retrieval.embedder.cpu_threads import use_one_core
from retrieval.embedder.embedding_work import BatchRunner, DocumentEmbedding, QueryEmbedding
from retrieval.embedder.encoder import Encoder
from retrieval.embedder.fingerprint import model_fingerprint
from retrieval.embedder.hardware import CudaDevice, DtypeName, choose_device, choose_dtype, cuda_device, probe
from retrieval.embedder.model_source import model_folder
from retrieval.embedder.port import Vectors
from retrieval.embedder.scheduler import Scheduler, Urgency
from retrieval.embedder.windows import windows

BATCH_TOKENS_CPU = 1_024
"""A quarter of a second for one core. More gains nothing there: 3, 24 or 96 texts of 180 tokens take 37 to 40 ms of its time for each."""

BATCH_TOKENS_GPU = 32_768

BATCHES_PER_CORE = 2
"""Batches that are worth handing over at once for each core, so that none is idle while another ends its last one."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory, and how it got there."""

    encoder: Encoder
    name: str
    revision: str
    dtype: DtypeName
    gpu: CudaDevice | None = None


class SentenceTransformerEmbedder:
    """An ``Embedder`` whose model lives in this process: on a CPU in a thread for each core, else in one thread.

    Made by ``await SentenceTransformerEmbedder.load(settings)``.
    """

    def __init__(self, model: LoadedModel, settings: EmbedderSettings) -> None:
        self._model = model
        self._encoder = model.encoder
        self._window = min(self._encoder.window, settings.max_tokens or self._encoder.window)
        self._query_prefix = settings.query_prefix
        self._document_prefix = settings.document_prefix
        self._recipe = EmbeddingRecipe(
            model=model.name,
            revision=model.revision,
            dimension=self._encoder.dimension,
            max_tokens=self._room(settings.document_prefix),
            query_prefix=settings.query_prefix,
            document_prefix=settings.document_prefix,
        )
        on_cpu = self._encoder.device == "cpu"
        default_tokens = BATCH_TOKENS_CPU if on_cpu else BATCH_TOKENS_GPU
        self._runner = BatchRunner(
            self._encoder.forward, dimension=self._encoder.dimension, batch_tokens=settings.batch_tokens or default_tokens
        )
        self._tokenizing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenize")
        self._scheduler = _a_thread_for_each_core() if on_cpu else Scheduler("embed")
        self._closed = False

    @classmethod
    async def load(cls, settings: EmbedderSettings) -> "SentenceTransformerEmbedder":
        """Load the model that the settings name, beside the event loop; takes seconds.

        Raises:
            ModelUnavailable: it is not here and cannot be had, or it cannot be used.
            InvalidSettings: the device is not there, or the window leaves no room for text.
        """
        return cls(await offload(_load, settings), settings)

    @property
    def recipe(self) -> EmbeddingRecipe:
        return self._recipe

    @property
    def batch_tokens(self) -> int:
        n_batches = 1 if self._scheduler.n_threads == 1 else self._scheduler.n_threads * BATCHES_PER_CORE
        return self._runner.budget.limit * n_batches

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return self._encoder.tokens.spans(text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self._require_open()
        if not texts:
            return np.zeros((0, self._recipe.dimension), dtype=np.float32)
        encodings = await offload_to(self._tokenizing, self._encode_documents, texts)
        self._require_open()
        vectors = np.zeros((len(texts), self._recipe.dimension), dtype=np.float32)
        lengths = [len(encoding.ids) for encoding in encodings]
        parts = list(batches(lengths, max_tokens=self._runner.budget.limit))
        for part, rows in zip(parts, await self._compute([[encodings[place] for place in part] for part in parts]), strict=True):
            vectors[part] = rows
        return vectors

    async def embed_queries(self, texts: Sequence[str]) -> Vectors:
        self._require_open()
        if not texts:
            return np.zeros((0, self._recipe.dimension), dtype=np.float32)
        work = QueryEmbedding(self._runner, texts, tokenize=self._query_windows, prompt_tokens=self._prompt_tokens(self._query_prefix))
        return await asyncio.wrap_future(self._scheduler.submit(work, Urgency.QUERY))

    async def health(self) -> PartHealth:
        ready = self._scheduler.is_alive and not self._closed
        return PartHealth(
            name="embedder",
            ready=ready,
            detail=f"{self._model.name} on {self._device_name()}." if ready else "The embedder is closed.",
            facts={
                "kind": "sentence-transformers",
                "model": self._model.name,
                "revision": self._model.revision,
                "device": self._encoder.device,
                "dtype": self._model.dtype,
                "batch_tokens": self._runner.budget.current,
            },
        )

    def _device_name(self) -> str:
        gpu = self._model.gpu
        return self._encoder.device if gpu is None else f"{self._encoder.device} ({gpu.name}, {gpu.memory_bytes / 2**30:.0f} GiB)"

    async def close(self) -> None:
        self._closed = True
        self._tokenizing.shutdown(wait=False, cancel_futures=True)
        await offload(self._scheduler.close)

    async def _compute(self, parts: Sequence[Sequence[Encoding]]) -> Sequence[Vectors]:
        """Compute batches in as many threads as there are; where one fails or nobody waits any more, the others are dropped."""
        prompt_tokens = self._prompt_tokens(self._document_prefix)
        works = [DocumentEmbedding(self._runner, part, prompt_tokens=prompt_tokens) for part in parts]
        futures = [self._scheduler.submit(work, Urgency.DOCUMENT) for work in works]
        try:
            return await asyncio.gather(*map(asyncio.wrap_future, futures))
        finally:
            for future in futures:
                future.cancel()

    def _encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        encodings = self._encoder.tokens.encode([self._document_prefix + text for text in texts])
        for position, encoding in enumerate(encodings):
            if len(encoding.ids) > self._window:
                raise InvalidInput(
                    f"Text {position} has {len(encoding.ids)} tokens with its prefix and special tokens; the window is {self._window}.",
                    hint="Cut it into windows of recipe.max_tokens tokens.",
                )
        return encodings

    def _query_windows(self, text: str) -> list[Encoding]:
        pieces = windows(text, spans_of=self.token_spans, max_tokens=self._room(self._query_prefix))
        return self._encoder.tokens.encode([self._query_prefix + piece for piece in pieces])

    def _room(self, prefix: str) -> int:
        """Return how many tokens of text fit beside special tokens and a prefix, which may join the text with one token more."""
        n_prefix = len(self.token_spans(prefix)) + 1 if prefix else 0
        room = self._window - self._encoder.tokens.n_special - n_prefix
        if room < 1:
            raise InvalidSettings(f"A window of {self._window} tokens leaves no room for text.", param="embedder.max_tokens")
        return room

    def _prompt_tokens(self, prefix: str) -> int:
        return len(self.token_spans(prefix)) + 1 if prefix else 0  # the special token before it is counted with it

    def _require_open(self) -> None:
        if self._closed:
            raise ModelUnavailable("The embedder is closed.")


def _a_thread_for_each_core() -> Scheduler:
    n_cores = torch.get_num_threads()
    return Scheduler("embed", n_threads=n_cores, prepare=partial(use_one_core, others=n_cores))


def _load(settings: EmbedderSettings) -> LoadedModel:
    hardware = probe()
    device = choose_device(settings.device, hardware)
    dtype = choose_dtype(settings.dtype, device, hardware)
    folder = model_folder(settings.model)
    return LoadedModel(
        encoder=Encoder.load(folder, device=device, dtype=dtype),
        name=_name(settings.model),
        revision=model_fingerprint(folder),
        dtype=dtype,
        gpu=cuda_device(device, hardware),
    )


def _name(model: str | None) -> str:
    """Return a name for people, without the path, which says nothing about the vectors; the revision identifies the model."""
    if model is None:
        return "all-MiniLM-L6-v2"
    return Path(model).expanduser().resolve().name if Path(model).expanduser().is_dir() else model
