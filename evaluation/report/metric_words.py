"""What pages call each metric, and what it says in a few words."""

from evaluation.metrics import METRICS

HEADLINES = tuple(metric.name for metric in METRICS.values() if metric.is_headline)
"""What a report shows first, in this order; also where no score is, with the reason."""

COSTS = ("first_token_ms", "latency_ms", "prompt_tokens", "completion_tokens", "cost")

_WORDS = {
    "faithfulness": ("Faithfulness", "what the answer says rests on its passages"),
    "answer_relevancy": ("Relevancy", "the answer speaks to the question"),
    "answer_correctness": ("Correctness", "the answer agrees with the reference answer"),
    "context_precision": ("Context precision", "useful passages come first"),
    "context_recall": ("Context recall", "the passages hold what the reference answer says"),
    "answer_found": ("Answer found", "the answer holds the expected words"),
    "answer_f1": ("Answer F1", "words shared with the expected answer"),
    "rouge_l": ("ROUGE-L", "longest run of words shared with the reference answer"),
    "bleu": ("BLEU", "short runs of words shared with the reference answer"),
    "citations": ("Citations", "a cited passage holds the answer’s source"),
    "citation_precision": ("Citation precision", "cited passages hold a source"),
    "citation_recall": ("Citation recall", "sources are cited"),
    "abstention": ("Abstention", "declined exactly where the documents hold no answer"),
    "abstention_precision": ("Abstention precision", "where it declined, it had to"),
    "abstention_recall": ("Abstention recall", "where it had to decline, it did"),
    "recall@5": ("Recall at 5", "the first five hits hold the source"),
    "recall@10": ("Recall at 10", "the first ten hits hold the source"),
    "ndcg@5": ("nDCG at 5", "sources stand high among five hits"),
    "ndcg@10": ("nDCG at 10", "sources stand high among ten hits"),
    "mrr": ("Reciprocal rank", "the first source stands high among the hits"),
    "latency_ms": ("Whole answer", "from the question to the last word"),
    "first_token_ms": ("First word", "from the question to the first word"),
    "prompt_tokens": ("Prompt", "tokens that the model reads"),
    "completion_tokens": ("Answer", "tokens that the model writes"),
    "cost": ("Price", "in the currency of the settings"),
    "personal_data": ("Personal data", "different pieces in an answer"),
    "personal_data_unsourced": ("… from nowhere", "pieces that stand in nothing that the model was given"),
}


def label(metric: str) -> str:
    """Return what pages call a metric; its own name where nobody has given it another."""
    return _WORDS.get(metric, (metric, ""))[0]


def meaning(metric: str) -> str:
    """Return in a few words what a high value says; nothing where nobody has written it down."""
    return _WORDS.get(metric, (metric, ""))[1]
