"""A report as a team might get it, made of the sample handbook's questions and simulated scores.

``python -m tests.evaluation.report.example FOLDER`` writes report.html, comparison.html and report.json there.
"""

import json
import random
import sys
from pathlib import Path

from evaluation.cases import Case, read_cases
from evaluation.comparing import compare_runs
from evaluation.report.body import Drift, JudgeQuality, ReportBody
from evaluation.report.building import Context, PreviousRun, build
from evaluation.report.drift import QuestionDrift, share_change
from evaluation.report.rendering.page import render, render_comparison
from evaluation.report.rendering.texts import CaseTexts, ClaimText, PassageText, Texts
from footnote.core.types import Verdict
from tests.evaluation.report.simulated import JUDGE, Fault, SimulatedCase, facts, run_of

QUESTIONS = Path(__file__).parents[3] / "examples" / "handbook-questions.jsonl"
QUALITY = JudgeQuality(
    judge=JUDGE,
    labels="WiCE, test part",
    n=358,
    balanced_accuracy=0.63,
    low=0.58,
    high=0.68,
    auroc=0.69,
    calibration_error=0.08,
    expected=0.63,
)
REASONS = dict.fromkeys(("answer_relevancy", "answer_correctness", "context_precision", "context_recall"), "needs_language_model")


def cases() -> tuple[Case, ...]:
    return tuple(case for case in read_cases(QUESTIONS) if case.part == "test")


def bodies(fault: Fault = "half_a_retriever") -> tuple[ReportBody, ReportBody]:
    """Return the report of a night and that of the next one, when a fault had come in."""
    simulated = [SimulatedCase(case.id, case.kind, bool(case.answerable)) for case in cases()]
    questions = {case.id: case.question for case in cases()}
    earlier: list[ReportBody] = []
    previous: PreviousRun | None = None
    for night in range(1, 9):
        is_last = night == 8
        release = "rel_7b1e" if night < 5 else "rel_c204"
        results = run_of(simulated, fault=fault if is_last else "none", seed=night, noise=0.06, release=release, fail_judge=0.03)
        drift = Drift(
            questions=QuestionDrift(distance=0.004, p_value=0.31, n_before=212, n_now=198), without_good_hit=share_change(14, 212, 17, 198)
        )
        context = Context(previous=previous, earlier=tuple(earlier), drift=drift, judges=(QUALITY,), reasons=REASONS)
        run = facts(night=night, n_cases=len(simulated), release=release)
        earlier.append(build(run, results, questions=questions, context=context))
        previous = PreviousRun(run, results)
    return earlier[-2], earlier[-1]


def texts() -> Texts:
    """Return what a reader sees of each case."""
    chosen = cases()
    return {case.id: _texts_of(case, others=chosen) for case in chosen}


def _texts_of(case: Case, *, others: tuple[Case, ...]) -> CaseTexts:
    chance = random.Random(case.id)
    strangers = [other for other in others if other.gold and other.id != case.id]
    wrong = chance.sample(strangers, 2)
    passages = [
        *(PassageText(n, gold.document, gold.page, gold.quote, is_source=True) for n, gold in enumerate(case.gold, start=1)),
        *(PassageText(n, w.gold[0].document, w.gold[0].page, w.gold[0].quote) for n, w in enumerate(wrong, start=len(case.gold) + 1)),
    ]
    if case.reference_answer and chance.random() < 0.6:
        claims = (ClaimText(case.reference_answer, Verdict.SUPPORTED, 0.91, (1,)),)
    else:
        said = strangers[chance.randrange(len(strangers))].reference_answer
        claims = (ClaimText(said, Verdict.UNSUPPORTED, 0.21, (len(passages),)),)
    draft = " ".join(f"{claim.text} [{claim.passages[0]}]" for claim in claims)
    shown = draft if claims[0].verdict is Verdict.SUPPORTED else f"“{passages[0].text}” [1]"
    return CaseTexts(case.question, draft=draft, shown=shown, expected=case.reference_answer, claims=claims, passages=tuple(passages))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    before, now = bodies()
    simulated = [SimulatedCase(case.id, case.kind, bool(case.answerable)) for case in cases()]
    rows = [
        [row for result in run_of(simulated, fault=fault, seed=seed, noise=0.06, fail_judge=0.03) for row in result.scores]
        for fault, seed in (("none", 7), ("half_a_retriever", 8))
    ]
    (folder / "report.html").write_text(render(now, texts()), encoding="utf-8")
    (folder / "comparison.html").write_text(
        render_comparison(before, now, compare_runs(rows[0], rows[1]).differences, texts()), encoding="utf-8"
    )
    (folder / "report.json").write_text(json.dumps(now.as_json(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
