"""Embedding as steps of the model's thread: one batch each, as large as memory has proved to bear."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from tokenizers import Encoding

from footnote.core.errors import ModelUnavailable
from retrieval.embedder.batching import TokenBudget, batch_end, longest_first
from retrieval.embedder.port import Vectors
from retrieval.embedder.vectors import mean_of_groups


class Forward(Protocol):
    """The model's forward pass; see ``Encoder.forward``."""

    def __call__(self, encodings: Sequence[Encoding], *, prompt_tokens: int) -> Vectors: ...


class BatchRunner:
    """The forward pass with the budget that it has been found to bear. Belongs to the model's threads.

    What one of them learns of memory while another one does may be lost; it is learnt again with the next batch.
    """

    def __init__(self, forward: Forward, *, dimension: int, batch_tokens: int) -> None:
        self._forward = forward
        self.dimension = dimension
        self.budget = TokenBudget.of(batch_tokens)

    def run(self, batch: Sequence[Encoding], *, prompt_tokens: int) -> Vectors | None:
        """Return the batch's vectors, or None where it did not fit into memory and the budget is smaller now.

        Raises:
            ModelUnavailable: the device failed, or not even one text fits.
        """
        batch_tokens = len(batch) * max(len(encoding.ids) for encoding in batch)
        try:
            vectors = self._forward(batch, prompt_tokens=prompt_tokens)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise ModelUnavailable(f"The embedding model failed: {error}") from error
            if len(batch) == 1:
                raise ModelUnavailable(
                    f"There is not enough memory to embed one text of {batch_tokens} tokens.",
                    hint="Free memory on the device, or set embedder.device to `cpu`.",
                ) from error
            self.budget = self.budget.after_out_of_memory(batch_tokens)
        else:
            self.budget = self.budget.after_success()
            return vectors
        # Outside the handler: there the traceback still holds the batch's tensors.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None


class DocumentEmbedding:
    """Work on many texts: the longest first, each step one batch."""

    def __init__(self, runner: BatchRunner, encodings: Sequence[Encoding], *, prompt_tokens: int = 0) -> None:
        self._runner = runner
        self._prompt_tokens = prompt_tokens
        self._positions = longest_first([len(encoding.ids) for encoding in encodings])
        self._encodings = [encodings[position] for position in self._positions]
        self._lengths = [len(encoding.ids) for encoding in self._encodings]
        self._vectors = np.zeros((len(encodings), runner.dimension), dtype=np.float32)
        self._start = 0

    def step(self) -> bool:
        end = batch_end(self._lengths, self._start, max_tokens=self._runner.budget.current)
        vectors = self._runner.run(self._encodings[self._start : end], prompt_tokens=self._prompt_tokens)
        if vectors is not None:
            self._vectors[self._positions[self._start : end]] = vectors
            self._start = end
        return self._start == len(self._encodings)

    def result(self) -> Vectors:
        return self._vectors


class QueryEmbedding:
    """Work on questions: tokenized in the model's thread, where no other work can be in the way; long ones in windows."""

    def __init__(
        self, runner: BatchRunner, texts: Sequence[str], *, tokenize: Callable[[str], list[Encoding]], prompt_tokens: int = 0
    ) -> None:
        self._runner = runner
        self._texts = texts
        self._tokenize = tokenize
        self._prompt_tokens = prompt_tokens
        self._windows_per_text: list[int] = []
        self._work: DocumentEmbedding | None = None

    def step(self) -> bool:
        if self._work is None:
            windows_of_texts = [self._tokenize(text) for text in self._texts]
            self._windows_per_text = [len(windows) for windows in windows_of_texts]
            flat = [window for windows in windows_of_texts for window in windows]
            self._work = DocumentEmbedding(self._runner, flat, prompt_tokens=self._prompt_tokens)
        return self._work.step()

    def result(self) -> Vectors:
        assert self._work is not None
        return mean_of_groups(self._work.result(), self._windows_per_text)


_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "alloc_failed")
"""What a CPU, CUDA's driver, Apple's GPU and cuBLAS say where torch does not raise its own class for it."""


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)
