"""Recipes: all that determines a version, given its bytes. Equal recipes give equal chunks and vectors."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from footnote.core.settings import ChunkingSettings
from footnote.core.types import ChunkingRecipe, EmbeddingRecipe
from ingestion.media_type import telling_suffix
from ingestion.redaction import recipe_suffix

PARSER = "footnote-2"
"""Names what parsing and cleaning make of bytes. Raise the number when either changes: what was read before is then read again."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Parser, cut and vectors of a version."""

    parser: str
    chunking: ChunkingRecipe
    embedding: EmbeddingRecipe

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()


def parser_of(filename: str, *, redact: Sequence[str] = ()) -> str:
    """Return the name of what reads a file: bytes uploaded as ``.txt`` and again as ``.csv`` are two documents.

    So are bytes with and without personal data of the kinds ``redact``.
    """
    return PARSER + telling_suffix(filename) + recipe_suffix(redact)


def chunking_recipe(wanted: ChunkingRecipe | None, *, settings: ChunkingSettings, window_tokens: int) -> ChunkingRecipe:
    """Return how an attachment is cut: as it asks, else as the settings say; ``auto`` fits the embedder's window."""
    recipe = wanted or ChunkingRecipe(
        kind="auto" if settings.max_tokens is None else "static",
        max_tokens=settings.max_tokens or window_tokens,
        overlap_tokens=settings.overlap_tokens,
    )
    if recipe.kind == "auto":
        return replace(recipe, max_tokens=min(recipe.max_tokens, window_tokens))
    return recipe
