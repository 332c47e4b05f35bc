"""Chunking strategies, as they are asked for and as they are shown."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from footnote.core.types import ChunkingRecipe
from serving.api.schemas.api_object import ApiObject, ApiRequest


class StaticSizes(ApiRequest):
    """Sizes in the embedder's tokens."""

    max_chunk_size_tokens: int = Field(ge=100, le=4096, description="Tokens of a chunk at most.")
    chunk_overlap_tokens: int = Field(ge=0, description="Tokens that neighbouring chunks share, at most half of the size.")

    @model_validator(mode="after")
    def _overlap_fits(self) -> "StaticSizes":
        if 2 * self.chunk_overlap_tokens > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens may be at most half of max_chunk_size_tokens")
        return self


class AutoStrategy(ApiRequest):
    """Chunks that fit the embedder's window: nothing is cut off."""

    type: Literal["auto"]


class StaticStrategy(ApiRequest):
    """Chunks of a given size. Those larger than the embedder's window are embedded in windows and found as a whole."""

    type: Literal["static"]
    static: StaticSizes


ChunkingStrategy = Annotated[AutoStrategy | StaticStrategy, Field(discriminator="type")]


class OtherStrategyShown(ApiObject):
    """The chunks fit the embedder's window."""

    type: Literal["other"] = "other"


class StaticStrategyShown(ApiObject):
    """The chunks were cut to a given size."""

    type: Literal["static"] = "static"
    static: StaticSizes


ChunkingStrategyShown = Annotated[OtherStrategyShown | StaticStrategyShown, Field(discriminator="type")]


def recipe_of(strategy: AutoStrategy | StaticStrategy | None) -> ChunkingRecipe | None:
    """Return the recipe that a strategy asks for; None leaves it to the collection, and in the end to the settings."""
    if not isinstance(strategy, StaticStrategy):
        return None
    sizes = strategy.static
    return ChunkingRecipe(kind="static", max_tokens=sizes.max_chunk_size_tokens, overlap_tokens=sizes.chunk_overlap_tokens)


def strategy_shown(recipe: ChunkingRecipe | None) -> OtherStrategyShown | StaticStrategyShown:
    """Return a recipe in the API's words."""
    if recipe is None or recipe.kind != "static":
        return OtherStrategyShown()
    return StaticStrategyShown(
        static=StaticSizes(max_chunk_size_tokens=recipe.max_tokens, chunk_overlap_tokens=recipe.overlap_tokens),
    )
