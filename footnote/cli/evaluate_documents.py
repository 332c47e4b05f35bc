"""The JSON documents that ``footnote evaluate …`` prints."""

from typing import Any

from pydantic import Field

from footnote.cli.json_documents import JsonDocument


class EvaluateJudgeDocument(JsonDocument):
    """What ``footnote evaluate judge`` measured."""

    judges: list[dict[str, Any]] = Field(
        description="One entry for each judge: its figures with intervals, as docs/judge.md explains them."
    )
    kept: bool = Field(description="Whether reports will carry the figures: not where the data directory has no catalog yet.")
