"""Reports and comparisons of two as HTML. Everything that people or documents wrote is escaped, and nothing is fetched or run."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from evaluation.comparing import MetricDifference, headline_differences
from evaluation.metrics import METRICS, NOT_MEASURED, REASONS
from evaluation.report.body import ReportBody
from evaluation.report.failure_groups import terms_of
from evaluation.report.metric_words import HEADLINES, label, meaning
from evaluation.report.rendering import plots, words
from evaluation.report.rendering.texts import CaseTexts, Missing, Texts, seen

_FOLDER = files("evaluation.report.rendering")
_TEMPLATES = ("page.html.j2", "parts.html.j2", "report.html.j2", "comparison.html.j2")

N_LISTED = 50
"""Questions of one kind that a page lists of those that were declined; a set may have thousands of them."""

N_GROUPS = 24
"""Groups of failures on a page, the largest first: the terms of each are looked for in the questions of all cases."""

_CONTENTS = (
    ("scores", "Scores"),
    ("moved", "What moved"),
    ("worst", "Worst cases"),
    ("unanswered", "Unanswered"),
    ("failures", "Failures"),
    ("groups", "By group"),
    ("drift", "Drift"),
    ("cost", "Cost"),
    ("judges", "Judge"),
    ("all", "Every score"),
)


def content_security_policy() -> str:
    """Return the header that lets the page's own style in, and nothing else. The page carries it too, for when it is a file."""
    return f"{_page_policy()}; frame-ancestors 'none'"


def render(body: ReportBody, texts: Texts, *, base_url: str = "", questions: Mapping[str, str] | None = None) -> str:
    """Return a report as one HTML page.

    Args:
        body: the report.
        texts: what its reader may read, for the ids of ``body.text_ids()``.
        base_url: where footnote is reached, for links to turns in a page that is sent or saved; ``http://`` or ``https://``.
        questions: the questions of all cases that the reader may read, for the terms of failure groups; those of ``texts`` if None.
    """
    headline = tuple(each for each in _differences(body) if _is_headline(each))
    moved_otherwise = tuple(each for each in _differences(body) if not _is_headline(each) and not each.is_noise and _is_share(each))
    known = questions if questions is not None else _questions(texts)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            **_shared(texts, base_url=base_url),
            body=body,
            contents=_CONTENTS,
            moved=_by_metric(headline, body),
            headline_differences=headline,
            told_differences=(*headline, *moved_otherwise),
            reach=_reach((*headline, *moved_otherwise)),
            scores_measured_first=sorted(body.scores.items(), key=lambda item: item[1].mean is None),
            has_trend=any(len(series) > 1 for series in body.trend.values()),
            measured=[name for name, figure in body.scores.items() if figure.mean is not None],
            n_listed=N_LISTED,
            n_groups=N_GROUPS,
            n_failing=sum(len(members) for members in body.failure_groups),
            anchors={case.case_id: f"case-{place}" for place, case in enumerate(body.worst_cases, start=1)},
            terms_of=partial(terms_of, questions=known),
        )
    )


def render_comparison(
    left: ReportBody, right: ReportBody, differences: Sequence[MetricDifference], texts: Texts, *, base_url: str = ""
) -> str:
    """Return two reports side by side as one HTML page.

    Args:
        left: called A.
        right: called B.
        differences: of ``evaluation.comparing.compare_runs`` with A's rows as old and B's as new; none where the runs share no case.
        texts: what the reader may read, for the ids of both reports.
        base_url: as for ``render``.
    """
    headline = tuple(each for each in differences if _is_headline(each))
    measured = [name for name in HEADLINES if any(_is_measured(body, name) for body in (left, right))]
    of_left = {case_id for members in left.failure_groups for case_id in members}
    of_right = {case_id for members in right.failure_groups for case_id in members}
    costs = {side: {spread.metric: spread for spread in body.costs} for side, body in (("left", left), ("right", right))}
    return (
        _environment()
        .get_template("comparison.html.j2")
        .render(
            **_shared(texts, base_url=base_url),
            left=left,
            right=right,
            names=measured,
            neither=[name for name in HEADLINES if name not in measured],
            moved=_by_metric(headline, left, right),
            headline_differences=headline,
            reach=_reach(headline),
            costs=[(metric, costs["left"].get(metric), costs["right"].get(metric)) for metric in {**costs["left"], **costs["right"]}],
            only_left=sorted(of_left - of_right),
            only_right=sorted(of_right - of_left),
            in_both=sorted(of_left & of_right),
        )
    )


@cache
def _environment() -> Environment:
    sources = {name: (_FOLDER / name).read_text(encoding="utf-8") for name in _TEMPLATES}
    environment = Environment(loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "seen": seen,
        "sentence": words.sentence,
        "percent": words.percent,
        "signed": words.signed,
        "chance": words.chance,
        "why_not": words.why_not,
        "coverage": words.coverage,
        "verdict": words.verdict,
        "moved_words": words.moved,
        "day": words.day,
    }
    environment.tests["missing"] = _is_missing
    shared: dict[str, Any] = {
        "label": label,
        "meaning": meaning,
        "number": words.number,
        "unit": _unit,
        "span_of_time": words.span_of_time,
        "interval_bar": plots.interval_bar,
        "difference_bar": plots.difference_bar,
        "trend_line": plots.trend_line,
        "actions": words.ACTIONS,
        "faults": words.FAULTS,
        "not_measured": NOT_MEASURED,
        "reasons": REASONS,
    }
    environment.globals.update(shared)
    return environment


def _is_missing(value: Any) -> bool:
    return isinstance(value, Missing)


@cache
def _style() -> str:
    return (_FOLDER / "style.css").read_text(encoding="utf-8")


def _page_policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _shared(texts: Texts, *, base_url: str) -> dict[str, Any]:
    if base_url and not base_url.startswith(("http://", "https://")):
        raise ValueError("links in a page lead to http or https")

    def look_up(case_id: str) -> CaseTexts | Missing:
        return texts.get(case_id, Missing.ERASED)

    def turn_url(turn_id: str) -> str:
        return f"{base_url.rstrip('/')}/v1/turns/{quote(turn_id, safe='')}"

    # The style is ours, and what its hash in the policy was taken of.
    return {"style": Markup(_style()), "policy": _page_policy(), "look_up": look_up, "turn_url": turn_url}  # noqa: S704


def _questions(texts: Texts) -> dict[str, str]:
    return {case_id: found.question for case_id, found in texts.items() if isinstance(found, CaseTexts)}


def _differences(body: ReportBody) -> tuple[MetricDifference, ...]:
    return body.comparison.differences if body.comparison else ()


def _is_measured(body: ReportBody, metric: str) -> bool:
    return metric in body.scores and body.scores[metric].mean is not None


def _is_headline(difference: MetricDifference) -> bool:
    metric = METRICS.get(difference.metric)
    return metric is not None and metric.is_headline and difference.target == metric.headline_target


def _is_share(difference: MetricDifference) -> bool:
    metric = METRICS.get(difference.metric)
    return metric is not None and metric.unit == "share"


def _by_metric(differences: Sequence[MetricDifference], *bodies: ReportBody) -> dict[str, MetricDifference]:
    """Return for each metric the difference by the judge whose figures stand beside it; none where the bodies' are of different judges."""
    for body in bodies:
        differences = headline_differences(differences, body.scores)
    return {each.metric: each for each in differences}


def _reach(differences: Sequence[MetricDifference]) -> float:
    """Return to where the axis of all differences goes: the farthest end of an interval, at least a tenth."""
    return max([0.1, *(abs(end) for each in differences for end in (each.low, each.high))])


def _unit(metric: str) -> str:
    known = METRICS.get(metric)
    return "\u00a0ms" if known is not None and known.unit == "ms" else ""
