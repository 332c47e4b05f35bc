"""Planted faults are named by a finding and lead to the right action; two runs of the same system seldom raise an alarm."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evaluation.report import findings
from evaluation.report.body import Comparison, Drift, Finding, JudgeQuality
from evaluation.report.building import Context, PreviousRun, build
from evaluation.report.drift import QuestionDrift, share_change
from evaluation.report.findings import Limits, find
from evaluation.report.material import CaseResult
from evaluation.report.recommendation import TABLE, recommend
from evaluation.scores import LABELS
from tests.evaluation.report.simulated import JUDGE, Fault, Row, facts, run_of, simulated_cases

CASES = simulated_cases(120)
N_SEEDS = 20


def report(fault: Fault, *, seed: int, noise: float = 0.05, **context):
    previous = PreviousRun(facts(night=1), run_of(CASES, seed=1000 + seed, noise=noise))
    now = run_of(CASES, fault=fault, seed=seed, noise=noise)
    return build(facts(night=2), now, questions={}, context=Context(previous=previous, **context))


def found_in(fault: Fault, *, seed: int, noise: float = 0.05) -> tuple[Finding, ...]:
    """What ``build`` finds as well, without the intervals that it computes beside."""
    before, now = run_of(CASES, seed=1000 + seed, noise=noise), run_of(CASES, fault=fault, seed=seed, noise=noise)
    return find(now, before=before, figures=(), drift=Drift(), judges=(), limits=Limits())


def codes(body) -> set[str]:
    return {finding.code for finding in body.findings}


@pytest.mark.parametrize(
    ("fault", "code", "action", "at_least"),
    [
        ("invents", findings.INVENTS, "re_tune", 20),
        ("cites_wrong", findings.CITES_WRONG_PASSAGE, "re_tune", 14),
        ("never_declines", findings.NEVER_DECLINES, "re_tune", 20),
        ("half_a_retriever", findings.RETRIEVAL_CUT_SHORT, "check_retrieval", 18),
    ],
)
def test_a_planted_fault_is_named_and_leads_to_its_action(fault: Fault, code: str, action: str, at_least: int) -> None:
    found = [found_in(fault, seed=seed) for seed in range(N_SEEDS)]
    named = [each for each in found if code in {finding.code for finding in each}]
    assert len(named) >= at_least
    assert all(recommend(each).action == action for each in named)


def test_the_same_system_twice_seldom_raises_an_alarm() -> None:
    n_alarms = sum(bool(found_in("none", seed=seed, noise=0.3)) for seed in range(100))
    assert n_alarms <= 8  # 5 % of 100, and three for luck


def test_a_first_report_finds_what_nobody_would_put_up_with() -> None:
    body = build(facts(), run_of(CASES, fault="never_declines"), questions={}, context=Context())
    (finding,) = [finding for finding in body.findings if finding.code == findings.NEVER_DECLINES]
    assert finding.metric == "abstention_recall"
    assert finding.numbers == {"now": 1.0, "n": 24, "limit": 0.3}


def test_a_limit_that_a_team_sets_is_kept() -> None:
    limits = Limits(ceilings={findings.ANSWER_MISSING: 0.01})
    strict = build(facts(), run_of(CASES), questions={}, context=Context(limits=limits))
    lenient = build(facts(), run_of(CASES), questions={}, context=Context())
    assert findings.ANSWER_MISSING in codes(strict)
    assert findings.ANSWER_MISSING not in codes(lenient)


def test_a_judge_that_fails_or_is_worse_than_known_is_to_be_checked() -> None:
    failing = build(facts(), run_of(CASES, fail_judge=0.3), questions={}, context=Context())
    assert findings.LOW_COVERAGE in codes(failing)
    assert failing.recommendation.action == "check_judge"
    worse = JudgeQuality(judge=JUDGE, labels="own", n=300, balanced_accuracy=0.58, low=0.56, high=0.6, expected=0.66)
    assert report("none", seed=1, judges=(worse,)).recommendation.action == "check_judge"
    good = JudgeQuality(judge=JUDGE, labels="own", n=300, balanced_accuracy=0.65, low=0.6, high=0.7, expected=0.66)
    assert report("none", seed=1, judges=(good,)).recommendation.action == "nothing"


def test_what_a_doubtful_judge_says_asks_for_no_tuning() -> None:
    worse = JudgeQuality(judge=JUDGE, labels="own", n=300, balanced_accuracy=0.58, low=0.56, high=0.6, expected=0.66)
    found = recommend([Finding(findings.INVENTS, "faithfulness", {}), Finding(findings.JUDGE_BELOW_ITS_QUALITY, worse.judge, {})])
    assert (found.action, found.then) == ("check_judge", ("re_tune",))


def test_more_questions_without_a_hit_ask_for_documents_and_drift_alone_for_nothing() -> None:
    drifted = QuestionDrift(distance=0.1, p_value=0.0005, n_before=100, n_now=100, typical_ids=("case-001",))
    body = report("none", seed=1, drift=Drift(questions=drifted, without_good_hit=share_change(4, 100, 20, 100)))
    assert codes(body) == {findings.QUESTIONS_DRIFTED, findings.QUESTIONS_WITHOUT_HIT}
    assert body.recommendation.action == "add_documents"
    told = report("none", seed=1, drift=Drift(questions=drifted, without_good_hit=share_change(4, 100, 5, 100)))
    assert codes(told) == {findings.QUESTIONS_DRIFTED}
    assert told.recommendation.action == "nothing"


@pytest.mark.parametrize(("code", "action"), TABLE)
def test_each_finding_of_the_table_leads_to_its_action(code: str, action: str) -> None:
    finding = Finding(code, "faithfulness", {"now": 1.0})
    assert recommend([finding]).action == action
    assert recommend([finding]).because == (finding,)


def test_the_source_not_found_comes_before_what_follows_from_it() -> None:
    found = [Finding(findings.QUESTIONS_WITHOUT_HIT, "", {}), Finding(findings.INVENTS, "", {}), Finding(findings.RETRIEVAL_MISSES, "", {})]
    recommendation = recommend(found)
    assert recommendation.action == "check_retrieval"
    assert recommendation.because == (found[2],)
    assert recommendation.then == ("re_tune", "add_documents")
    assert recommend([]).action == "nothing"


def test_nothing_is_compared_where_there_was_no_run_before() -> None:
    body = build(facts(), run_of(CASES), questions={}, context=Context())
    assert body.comparison is None
    assert isinstance(report("none", seed=1).comparison, Comparison)


def test_where_there_is_no_whole_answer_nothing_was_declined_and_nothing_answered() -> None:
    results = [replace(result, abstained=None, scores=()) for result in run_of(CASES)]
    assert {code for code, values in findings.signals(results).items() if values} == {findings.ANSWERS_FAILED}


@pytest.mark.parametrize("lost", [{"turn_id": None}, {"ended_in_error": True}])
def test_answers_that_end_in_errors_are_found_before_anything_else(lost: dict) -> None:
    results = run_of(CASES, fault="never_declines")
    broken = [replace(result, abstained=None, scores=(), **lost) if place < 12 else result for place, result in enumerate(results)]
    body = build(facts(), broken, questions={}, context=Context())
    assert body.recommendation.action == "mend_errors"
    assert body.recommendation.because[0].numbers == {"now": 0.1, "n": 120, "limit": 0.02}
    assert sum(case.faults == ("no_answer",) for case in body.worst_cases) == 12
    assert findings.ANSWERS_FAILED not in codes(build(facts(), results, questions={}, context=Context()))


def test_errors_that_came_in_since_the_run_before_are_found_below_their_limit() -> None:
    results = run_of(CASES)
    broken = [replace(result, abstained=None, scores=(), turn_id=None) if place < 8 else result for place, result in enumerate(results)]
    limits = Limits(ceilings={findings.ANSWERS_FAILED: 0.5})
    found = find(broken, before=results, figures=(), drift=Drift(), judges=(), limits=limits)
    assert [finding.code for finding in found] == [findings.ANSWERS_FAILED]
    assert found[0].numbers["now"] == 8 / 120


def judged(results: Sequence[CaseResult], *, judge: str, value: float, keep: bool = True) -> list[CaseResult]:
    """Results whose faithfulness has another judge beside its own, or in place of it."""
    told: list[CaseResult] = []
    for result in results:
        kept = tuple(row for row in result.scores if keep or row.metric != "faithfulness")
        told.append(replace(result, scores=(*kept, Row(result.case_id, "faithfulness", judge, "draft", value))))
    return told


def test_a_judge_that_comes_in_is_not_compared_with_the_one_before() -> None:
    before, now = judged(run_of(CASES), judge=JUDGE, value=0.9, keep=False), judged(run_of(CASES), judge=JUDGE, value=0.9, keep=False)
    joined = judged(now, judge="ragas:strict", value=0.5)
    limits = Limits(ceilings={findings.INVENTS: 0.9})
    assert find(joined, before=before, figures=(), drift=Drift(), judges=(), limits=limits) == ()
    replaced = judged(now, judge="ragas:strict", value=0.5, keep=False)
    assert find(replaced, before=before, figures=(), drift=Drift(), judges=(), limits=limits) == ()


def test_of_two_judges_one_is_taken_for_all_cases() -> None:
    results = judged(run_of(CASES), judge=JUDGE, value=1.0, keep=False)
    some = [*judged(results[:10], judge="ragas:strict", value=0.0), *results[10:]]
    assert len(findings.signals(some)[findings.INVENTS]) == 10, "the others have no score by the judge that ranks first"


def without_gold(results: Sequence[CaseResult]) -> list[CaseResult]:
    return [replace(each, scores=tuple(row for row in each.scores if not row.metric.startswith("recall"))) for each in results]


def test_without_gold_passages_labels_still_tell_what_was_declined_and_what_is_wrong() -> None:
    declining = [replace(result, abstained=True) for result in without_gold(run_of(CASES))]
    assert findings.DECLINES in codes(build(facts(), declining, questions={}, context=Context()))
    wrong = [
        replace(each, abstained=False, scores=(Row(each.case_id, "answer_found", LABELS, "draft", 0.0),))
        for each in run_of(CASES)
        if each.answerable
    ]
    body = build(facts(), wrong, questions={}, context=Context())
    assert findings.ANSWER_WRONG in codes(body)
    assert body.recommendation.action != "nothing"
    with_gold = build(facts(), run_of(CASES, fault="invents"), questions={}, context=Context())
    assert not {findings.DECLINES, findings.ANSWER_WRONG} & codes(with_gold)


def test_a_headline_that_fell_is_a_finding_although_no_fault_explains_it() -> None:
    def relevancy(value: float) -> list[CaseResult]:
        added = {each.case_id: Row(each.case_id, "answer_relevancy", "ragas:one", "draft", value) for each in run_of(CASES)}
        return [replace(each, scores=(*each.scores, added[each.case_id])) for each in run_of(CASES)]

    def told(now: list[CaseResult]):
        return build(facts(night=2), now, questions={}, context=Context(previous=PreviousRun(facts(night=1), relevancy(0.9))))

    (finding,) = told(relevancy(0.6)).findings
    assert (finding.code, finding.metric, finding.numbers["n"]) == (findings.SCORE_FELL, "answer_relevancy", 120)
    assert told(relevancy(0.6)).recommendation.action == "read_cases"
    assert told(relevancy(0.9)).findings == told(relevancy(0.95)).findings == ()


def test_answers_that_were_not_given_are_no_fault_of_the_judge() -> None:
    def failing(code: str) -> list[CaseResult]:
        results = run_of(CASES, fail_judge=0.3)
        rows = [tuple(replace(row, failure_code=row.failure_code and code) for row in each.scores) for each in results]
        return [replace(each, scores=told) for each, told in zip(results, rows, strict=True)]

    assert findings.LOW_COVERAGE not in codes(build(facts(), failing("answer_cancelled"), questions={}, context=Context()))
    assert findings.LOW_COVERAGE in codes(build(facts(), failing("judge_timeout"), questions={}, context=Context()))


def test_few_labels_do_not_doubt_a_judge_unless_they_surely_say_that_it_is_worse() -> None:
    few = JudgeQuality(judge=JUDGE, labels="own", n=20, balanced_accuracy=0.7, low=0.5, high=0.86)
    assert findings.JUDGE_BELOW_ITS_QUALITY not in codes(report("none", seed=1, judges=(few,)))
    assert findings.JUDGE_BELOW_ITS_QUALITY in codes(report("none", seed=1, judges=(replace(few, n=100),)))
    assert findings.JUDGE_BELOW_ITS_QUALITY in codes(report("none", seed=1, judges=(replace(few, high=0.6, expected=0.7),)))
