"""A language model judged on labelled pairs: its verdicts count, and what it does not answer is counted apart."""

from evaluation.judge_quality import LabelledPair, measure
from evaluation.ragas_metrics.judge_model import JudgeModel
from evaluation.ragas_metrics.verdict_judge import VerdictJudge
from footnote.core.settings import JudgeSettings
from tests.evaluation.ragas_metrics.scripted_judge import MODEL, Judge, judge_server

CLAIMS = ["The boat is blue.", "The boat is red.", "The boat is old.", "The boat is new."]


async def test_verdicts_are_compared_with_labels_and_failures_left_out():
    # right, wrong, right, and one that is refused
    judge = Judge(statements={claim: [claim] for claim in CLAIMS}, true=CLAIMS[:2], faults={"is new": "refuse"})
    pairs = [
        LabelledPair(claim=claim, context="The boat is blue and old.", label=label)
        for claim, label in zip(CLAIMS, (1, 0, 0, 1), strict=True)
    ]
    async with judge_server(judge) as server:
        model = JudgeModel(JudgeSettings(kind="openai_compatible", base_url=server.base_url, model=MODEL, n_retries=0))
        found = await measure(VerdictJudge(model), pairs, labels="ours", labels_sha256="a")
        await model.close()
    assert (found.judge, found.n, found.n_failed) == ("ragas:judge-7b", 3, 1)
    assert found.balanced_accuracy.value == (1 + 0.5) / 2
    assert found.auroc is None
