"""A report's codes and numbers in sentences."""

from collections.abc import Callable, Mapping
from datetime import datetime

from evaluation.comparing import MetricDifference
from evaluation.metrics import METRICS, REASONS
from evaluation.report import findings
from evaluation.report.body import Finding
from evaluation.report.metric_words import label
from evaluation.summary import NO_ROWS, MetricSummary

ACTIONS = {
    "nothing": ("Nothing to do", "No fault was found that asks for a change, and no headline score fell by more than chance would."),
    "mend_errors": ("Mend the errors", "Questions got an error in place of an answer; the server's log says which."),
    "re_tune": ("Re-tune", "The sources are found, and the model does not make the right answer of them."),
    "add_documents": ("Add documents", "People ask what no document answers."),
    "check_retrieval": ("Check retrieval", "The documents hold answers that the search does not bring up."),
    "read_cases": ("Read the worst cases", "A score fell, and no single fault explains it."),
    "check_judge": ("Check the judge", "The scores cannot be trusted before the judge is."),
}
"""What to do, and why in general; the findings say why in numbers."""

FAULTS = {
    "no_answer": "ended in an error",
    findings.NEVER_DECLINES: "answered without a source",
    findings.INVENTS: "says what its passages do not",
    findings.CITES_WRONG_PASSAGE: "cites a wrong passage",
    findings.ANSWER_MISSING: "misses the answer that was at hand",
    findings.PERSONAL_DATA: "holds personal data from nowhere",
    findings.DECLINES_WITH_SOURCE: "declined with the source at hand",
    findings.DECLINES_WITHOUT_SOURCE: "declined: the source was not found",
    findings.DECLINES: "declined an answerable question",
    findings.ANSWER_WRONG: "lacks the expected answer",
    findings.RETRIEVAL_MISSES: "sources not among the hits",
}

_Sentence = Callable[[Mapping[str, float]], str]


def _share(what: str) -> _Sentence:
    """Return how the finding of a signal is told: what rose, or what is above its limit."""

    def tell(numbers: Mapping[str, float]) -> str:
        over = f"over {numbers['n']:.0f} cases"
        if "before" in numbers:
            return f"{what}: {percent(numbers['now'])} in place of {percent(numbers['before'])}, {over} ({chance(numbers['p_value'])})."
        return f"{what}: {percent(numbers['now'])} {over}, where {percent(numbers['limit'])} is the limit."

    return tell


_FINDINGS: dict[str, _Sentence] = {
    findings.ANSWERS_FAILED: _share("Questions that ended in an error"),
    findings.RETRIEVAL_CUT_SHORT: _share("Sources beyond the first five hits are gone; not among ten hits"),
    findings.RETRIEVAL_MISSES: _share("Sources not among the first ten hits"),
    findings.DECLINES_WITHOUT_SOURCE: _share("Answerable questions declined because no source was found"),
    findings.DECLINES_WITH_SOURCE: _share("Questions declined although the source was found"),
    findings.INVENTS: _share("Statements that the passages do not support"),
    findings.ANSWER_MISSING: _share("Answers that miss what the passages hold"),
    findings.CITES_WRONG_PASSAGE: _share("Right answers that cite a wrong passage"),
    findings.DECLINES: _share("Answerable questions declined"),
    findings.ANSWER_WRONG: _share("Answers that lack the expected words"),
    findings.NEVER_DECLINES: _share("Questions answered although no document holds the answer"),
    findings.PERSONAL_DATA: _share("Answers with personal data that stands in no passage"),
    findings.LOW_COVERAGE: lambda n: (
        f"only {n['scored']:.0f} of {n['total']:.0f} cases could be scored, where {percent(n['limit'])} is the limit."
    ),
    findings.JUDGE_BELOW_ITS_QUALITY: lambda n: (
        f"balanced accuracy {n['balanced_accuracy']:.2f} [{n['low']:.2f}, {n['high']:.2f}] against {n['n']:.0f} labels, "
        f"where {n['limit']:.2f} is expected."
    ),
    findings.QUESTIONS_WITHOUT_HIT: lambda n: (
        f"Questions without a good hit: {percent(n['now'])} in place of {percent(n['before'])}, of {n['n']:.0f} asked."
    ),
    findings.QUESTIONS_DRIFTED: lambda n: f"People ask other things than before ({n['n']:.0f} questions, {chance(n['p_value'])}).",
    findings.SCORE_FELL: lambda n: f"went from {n['before']:.2f} to {n['now']:.2f} over {n['n']:.0f} cases ({chance(n['p_value'])}).",
    findings.SCORES_DRIFTED: lambda n: (
        f"of live answers went from {n['before']:.2f} to {n['now']:.2f} ({n['n']:.0f} answers, {chance(n['p_value'])})."
    ),
}

_NAMED = {findings.LOW_COVERAGE, findings.JUDGE_BELOW_ITS_QUALITY, findings.SCORES_DRIFTED, findings.SCORE_FELL}


def sentence(finding: Finding) -> str:
    """Return a finding as a sentence with its numbers; of a code that is not known the code and the numbers."""
    if finding.code not in _FINDINGS:
        return f"{finding.code}: " + ", ".join(f"{name} {value:g}" for name, value in finding.numbers.items())
    told = _FINDINGS[finding.code](finding.numbers)
    if finding.code not in _NAMED:
        return told
    return (
        f"{label(finding.metric)} {told}"
        if finding.code in (findings.SCORES_DRIFTED, findings.SCORE_FELL)
        else f"{label(finding.metric)}: {told}"
    )


def percent(share: float) -> str:
    """Return a share in percent, with one digit after the point where it is below ten; it stays on one line."""
    hundredths = share * 100
    told = f"{hundredths:.1f}" if 0 < abs(hundredths) < 10 and round(hundredths, 1) != round(hundredths) else f"{hundredths:.0f}"
    return f"{told}\u00a0%"


def chance(p_value: float) -> str:
    """Return a p-value as people read it, on one line."""
    return "p\u00a0<\u00a00.001" if p_value < 0.001 else f"p\u00a0=\u00a0{p_value:.3f}"


def signed(value: float) -> str:
    """Return a difference with its sign, a minus as typographers set it."""
    return f"{value:+.2f}".replace("-", "−")


def number(metric: str, value: float) -> str:
    """Return a value as its metric's unit asks for."""
    known = METRICS.get(metric)
    return f"{value:.2f}" if known is None else known.told(value)


def why_not(figure: MetricSummary) -> str:
    """Return why there is no mean."""
    return REASONS.get(figure.reason or NO_ROWS, figure.reason or "")


def coverage(figure: MetricSummary) -> str:
    """Return how many cases could be scored, and how the others failed."""
    failed = ", ".join(f"{len(case_ids)} {code.replace('_', ' ')}" for code, case_ids in figure.failures.items())
    return f"{figure.scored} of {figure.total}" + (f" ({failed})" if failed else "")


def verdict(difference: MetricDifference) -> str:
    """Return one word for a difference."""
    if difference.is_noise:
        return "noise" if difference.difference else "the same"
    way = "rose" if difference.difference > 0 else "fell"
    return f"{way}, better" if difference.is_better else f"{way}, worse" if difference.is_worse else way


def moved(differences: tuple[MetricDifference, ...]) -> str:
    """Return how many scores moved."""
    n_moved = sum(not each.is_noise for each in differences)
    if not n_moved:
        return f"None of {len(differences)} scores moved by more than chance would."
    return f"{n_moved} of {len(differences)} scores moved by more than chance would; the others are noise."


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def span_of_time(start: datetime, end: datetime) -> str:
    """Return when something began and how long it took."""
    minutes, seconds = divmod(round((end - start).total_seconds()), 60)
    return f"{start:%H:%M} {start.tzname() or ''}, ".replace(" ,", ",") + (f"{minutes} min {seconds} s" if minutes else f"{seconds} s")
