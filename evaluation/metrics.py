"""All metrics by name: which way is better, in what unit, on which text, and whether a report opens with it.

Reports, settings, comparisons and docs/evaluation.md take names and directions from here. A metric that is computed in another way than
RAGAS computes it has another name than RAGAS's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from footnote.core.errors import InvalidInput

Unit = Literal["share", "ms", "tokens", "money", "count"]
"""``share`` lies between 0 and 1; ``money`` is in the currency of the prices that the settings give."""


class Direction(StrEnum):
    """Which change of a metric is good; of some neither is: more tokens may be better answers or idle words."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a name stands for.

    Args:
        of_text: whether draft and shown text have one each; else it is the turn's.
        is_binary: whether it is 0 or 1 in each case.
        is_headline: whether a report opens with it, and comparisons count it among the few that are looked at first.
    """

    name: str
    description: str
    unit: Unit = "share"
    direction: Direction = Direction.HIGHER
    of_text: bool = True
    is_binary: bool = False
    is_headline: bool = False

    @property
    def headline_target(self) -> Literal["draft", "turn"]:
        """Where the headline score is taken: of the draft, for a repaired answer hides the fault."""
        return "draft" if self.of_text else "turn"

    def told(self, value: float) -> str:
        """Return a value as people read it."""
        if self.unit in ("ms", "tokens"):
            return f"{value:,.0f}"
        return f"{value:.4g}" if self.unit == "money" else f"{value:.2f}"


_ALL = (
    Metric("faithfulness", "share of the answer's statements that its passages support", is_headline=True),
    Metric("answer_relevancy", "how near questions that the answer would answer are to the question", is_headline=True),
    Metric("context_precision", "how high the useful passages stand among those retrieved", of_text=False, is_headline=True),
    Metric("context_recall", "share of the reference answer's statements that the passages hold", of_text=False, is_headline=True),
    Metric("answer_correctness", "statements shared with the reference answer, and nearness to it", is_headline=True),
    Metric("answer_found", "1 where the answer holds one of the expected strings", is_binary=True, is_headline=True),
    Metric("answer_f1", "words shared with the nearest expected answer"),
    Metric("rouge_l", "longest common subsequence with the reference answer"),
    Metric("bleu", "runs of one to four words shared with the reference answer"),
    Metric("citations", "1 where a cited passage holds a gold passage", is_binary=True, is_headline=True),
    Metric("citation_precision", "share of the cited passages that hold a gold passage"),
    Metric("citation_recall", "share of the gold passages that a cited passage holds"),
    Metric("abstention", "1 where the answer declines exactly when the documents hold no answer", is_binary=True, is_headline=True),
    Metric("abstention_precision", "share of the abstentions where the documents hold no answer", is_binary=True),
    Metric("abstention_recall", "share of the unanswerable questions that were declined", is_binary=True),
    Metric("recall@5", "share of the gold passages among the first 5 hits", of_text=False),
    Metric("recall@10", "share of the gold passages among the first 10 hits", of_text=False, is_headline=True),
    Metric("ndcg@5", "discounted gain of the first 5 hits, as a share of the most there is", of_text=False),
    Metric("ndcg@10", "discounted gain of the first 10 hits, as a share of the most there is", of_text=False),
    Metric("mrr", "one over the place of the first hit that holds a gold passage, of 10", of_text=False),
    Metric("latency_ms", "from the question to the end of the answer", unit="ms", direction=Direction.LOWER, of_text=False),
    Metric("first_token_ms", "from the question to the model's first piece of text", unit="ms", direction=Direction.LOWER, of_text=False),
    Metric("prompt_tokens", "tokens of the prompt", unit="tokens", direction=Direction.NEITHER, of_text=False),
    Metric("completion_tokens", "tokens of the draft", unit="tokens", direction=Direction.NEITHER, of_text=False),
    Metric("cost", "price of the tokens", unit="money", direction=Direction.LOWER, of_text=False),
    Metric("personal_data", "different pieces of personal data in the answer", unit="count", direction=Direction.NEITHER),
    Metric(
        "personal_data_unsourced", "those of them that stand in nothing that the model was given", unit="count", direction=Direction.LOWER
    ),
)

METRICS = {metric.name: metric for metric in _ALL}

NOT_MEASURED = {"toxicity": "no_method", "bias": "no_method"}
"""What people ask for and no score is given for, with the code of the reason, as every report says."""

REASONS = {
    "no_rows": "it says nothing about any of these cases",
    "all_failed": "none of the cases could be scored",
    "no_method": "footnote has no method for it whose precision and recall on labelled answers are known",
    "no_prices": "generator.prompt_price and generator.completion_price are not set",
    "no_recognisers": 'its recognisers are not installed (pip install "footnote-assistant[redaction]")',
    "needs_language_model": "it needs a language model as judge, and none is configured",
}
"""Why there is no mean, by code, in words."""


def metric_named(name: str) -> Metric:
    """Return the metric of a name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in METRICS:
        raise InvalidInput(f"There is no metric `{name}`.", hint=f"Take one of: {', '.join(sorted(METRICS))}.")
    return METRICS[name]
