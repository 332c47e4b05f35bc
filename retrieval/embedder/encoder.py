"""The model itself: tokens go in, vectors come out. It belongs to one thread; what may be batched together is decided elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from footnote.core.errors import ModelUnavailable
from retrieval.embedder.hardware import DtypeName
from retrieval.embedder.port import Vectors
from retrieval.embedder.tokens import ModelTokens
from retrieval.embedder.vectors import normalised

_NO_LIMIT = 1_000_000
"""Tokenizers without a limit of their own carry a number larger than this."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Encoder:
    """A sentence-transformers model whose first module is a transformer with a fast tokenizer.

    Texts are tokenized once, by the caller, and the model's modules run on the tokens: what ``SentenceTransformer.encode`` does, without
    tokenizing again and without cutting off.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        transformer = model[0]
        plain = isinstance(transformer, Transformer) and "message" not in transformer.modality_config
        tokenizer = transformer.tokenizer if isinstance(transformer, Transformer) and plain else None
        if not isinstance(tokenizer, PreTrainedTokenizerFast):
            raise ModelUnavailable(
                "The embedding model is not a transformer with a fast tokenizer and plain text as its input.",
                hint="Serve it with an OpenAI-compatible server, and set embedder.kind to `openai`.",
            )
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._takes_token_types = "token_type_ids" in tokenizer.model_input_names
        self.tokens = ModelTokens(tokenizer.backend_tokenizer)
        self.window = _window(model, tokenizer)
        self.dimension = _dimension(model)
        self.pools_prompt = all(module.include_prompt for module in model if isinstance(module, Pooling))

    @classmethod
    def load(cls, folder: Path, *, device: str, dtype: DtypeName) -> "Encoder":
        """Load a model from its folder; blocks for seconds. The hub is never asked.

        Raises:
            ModelUnavailable: the folder holds no model that can be used.
        """
        transformers_logging.disable_progress_bar()  # a second's loading needs no bar among a server's log lines
        try:
            return cls(SentenceTransformer(str(folder), device=device, local_files_only=True, model_kwargs={"dtype": _DTYPES[dtype]}))
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise ModelUnavailable(
                f"The embedding model in {folder} cannot be loaded: {error}", hint="Set embedder.model to a sentence-transformers model."
            ) from error

    @property
    def device(self) -> str:
        return str(self._model.device)

    @torch.inference_mode()
    def forward(self, encodings: Sequence[Encoding], *, prompt_tokens: int) -> Vectors:
        """Return float32 of shape (len(encodings), dimension), rows L2-normalised, input order kept.

        Args:
            encodings: one batch; shorter ones are padded to the longest.
            prompt_tokens: leading tokens that belong to a prefix, which some models leave out of the mean.

        Raises:
            torch.OutOfMemoryError: the batch does not fit.
        """
        features: dict[str, torch.Tensor | int] = {
            name: torch.from_numpy(rows).to(self._model.device, non_blocking=True) for name, rows in self._padded(encodings).items()
        }
        if not self.pools_prompt:
            features["prompt_length"] = prompt_tokens
        embeddings = self._model(features)["sentence_embedding"]
        return normalised(embeddings.float().cpu().numpy())

    def _padded(self, encodings: Sequence[Encoding]) -> dict[str, NDArray[np.int64]]:
        lengths = [len(encoding.ids) for encoding in encodings]
        shape = (len(encodings), max(lengths))
        rows = {"input_ids": np.full(shape, self._tokenizer.pad_token_id or 0, dtype=np.int64), "attention_mask": np.zeros(shape, np.int64)}
        if self._takes_token_types:
            rows["token_type_ids"] = np.full(shape, self._tokenizer.pad_token_type_id, dtype=np.int64)
        for row, (encoding, length) in enumerate(zip(encodings, lengths, strict=True)):
            place = slice(0, length) if self._tokenizer.padding_side == "right" else slice(shape[1] - length, shape[1])
            rows["input_ids"][row, place] = encoding.ids
            rows["attention_mask"][row, place] = 1
            if self._takes_token_types:
                rows["token_type_ids"][row, place] = encoding.type_ids
        return rows


def _window(model: SentenceTransformer, tokenizer: PreTrainedTokenizerFast) -> int:
    stated = [model.max_seq_length, cast("int | None", tokenizer.model_max_length)]
    limits = [limit for limit in stated if limit is not None and limit < _NO_LIMIT]
    if not limits:
        raise ModelUnavailable("The embedding model does not say how long a text may be.", hint="Set max_seq_length in its folder.")
    return min(limits)


def _dimension(model: SentenceTransformer) -> int:
    dimension = model.get_embedding_dimension()
    if dimension is None:
        raise ModelUnavailable("The embedding model does not say how long its vectors are.")
    return dimension
