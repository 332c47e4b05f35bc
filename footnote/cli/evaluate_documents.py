"""The JSON documents that ``footnote evaluate …`` prints."""

from pydantic import Field

from footnote.cli.json_documents import JsonDocument


class EstimateDocument(JsonDocument):
    """A figure with its 95 % interval."""

    value: float = Field(description="The figure.")
    low: float = Field(description="The interval's lower end.")
    high: float = Field(description="Its upper end.")


class ReliabilityBinDocument(JsonDocument):
    """Claims of like scores."""

    low: float = Field(description="The least score.")
    high: float = Field(description="All scores lie below it; in the last bin 1 does too.")
    n: int = Field(description="How many claims.")
    mean_score: float = Field(description="Their mean score.")
    supported: float = Field(description="The share of them that people call supported.")


class JudgeQualityDocument(JsonDocument):
    """How well a judge agrees with the labels."""

    judge: str = Field(description="Its name, as scores and reports have it.")
    revision: str = Field(description="What tells two fits of it apart; empty for a model at a server.")
    labels: str = Field(description="The file of labels.")
    labels_sha256: str = Field(description="Of its bytes.")
    n: int = Field(description="Pairs that were judged.")
    n_failed: int = Field(description="Pairs that could not be.")
    n_supported: int = Field(description="Of those judged, those that people call supported.")
    balanced_accuracy: EstimateDocument = Field(description="0.5 is guessing.")
    auroc: EstimateDocument | None = Field(description="Not where the judge gives verdicts without scores.")
    calibration_error: EstimateDocument | None = Field(description="0 is best; not where there are no scores.")
    bins: list[ReliabilityBinDocument] = Field(description="The reliability diagram, lowest scores first.")


class EvaluateJudgeDocument(JsonDocument):
    """What ``footnote evaluate judge`` measured."""

    judges: list[JudgeQualityDocument] = Field(description="One entry for each judge; docs/judge.md explains the figures.")
    kept: bool = Field(description="Whether reports will carry the figures: not where the data directory has no catalog yet.")
