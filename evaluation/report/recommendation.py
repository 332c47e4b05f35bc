"""What to do in the morning: a table from findings to actions."""

from collections.abc import Sequence

from evaluation.report import findings
from evaluation.report.body import Action, Finding, Recommendation

TABLE: tuple[tuple[str, Action], ...] = (
    # Where there is no answer nothing else can be said of it.
    (findings.ANSWERS_FAILED, "mend_errors"),
    # Where the source is not among the hits, no model and no judge can be right: what follows is an effect of it.
    (findings.RETRIEVAL_CUT_SHORT, "check_retrieval"),
    (findings.RETRIEVAL_MISSES, "check_retrieval"),
    (findings.DECLINES_WITHOUT_SOURCE, "check_retrieval"),
    # Said by people's labels, whatever the judge is worth.
    (findings.NEVER_DECLINES, "re_tune"),
    (findings.CITES_WRONG_PASSAGE, "re_tune"),
    (findings.ANSWER_MISSING, "re_tune"),
    (findings.DECLINES_WITH_SOURCE, "re_tune"),
    (findings.ANSWER_WRONG, "re_tune"),
    # Whether the source was found is not known: that is what to look at first.
    (findings.DECLINES, "check_retrieval"),
    # Before anything that a judge says alone.
    (findings.LOW_COVERAGE, "check_judge"),
    (findings.JUDGE_BELOW_ITS_QUALITY, "check_judge"),
    (findings.INVENTS, "re_tune"),
    (findings.QUESTIONS_WITHOUT_HIT, "add_documents"),
    # Where no fault says why.
    (findings.SCORE_FELL, "read_cases"),
)
"""The first of these that was found decides; other findings are told and ask for nothing."""


def recommend(found: Sequence[Finding]) -> Recommendation:
    """Return what to do first, the findings that say so, and what else there is to do afterwards."""
    codes = {finding.code for finding in found}
    actions: tuple[Action, ...] = tuple(dict.fromkeys(action for code, action in TABLE if code in codes))
    if not actions:
        return Recommendation("nothing")
    ranks = {code: rank for rank, (code, action) in enumerate(TABLE) if action == actions[0]}
    because = sorted((finding for finding in found if finding.code in ranks), key=lambda finding: ranks[finding.code])
    return Recommendation(actions[0], because=tuple(because), then=actions[1:])
