"""How the headline figures have gone: the series of earlier reports of the same set."""

from collections.abc import Mapping, Sequence

from evaluation.report.body import ReportBody, RunFacts, TrendPoint
from evaluation.summary import MetricSummary

N_POINTS = 30
"""A month of nights."""


def trend(earlier: Sequence[ReportBody], *, run: RunFacts, scores: Mapping[str, MetricSummary]) -> dict[str, tuple[TrendPoint, ...]]:
    """Return each headline metric's series, this run's figure last; where this run has no figure the series is left out.

    Figures of another judge are no part of a series: two judges' scores cannot be compared.

    Args:
        earlier: reports of the same set by name, in any order.
        run: the run that this report is about.
        scores: its headline figures.
    """
    bodies = sorted(earlier, key=lambda body: body.run.finished_at)
    series: dict[str, tuple[TrendPoint, ...]] = {}
    for name, figure in scores.items():
        if (last := _point(run, figure)) is not None:
            before = (
                _point(body.run, body.scores[name]) for body in bodies if name in body.scores and body.scores[name].judge == figure.judge
            )
            series[name] = (*(point for point in before if point is not None), last)[-N_POINTS:]
    return series


def _point(run: RunFacts, figure: MetricSummary) -> TrendPoint | None:
    if figure.mean is None or figure.low is None or figure.high is None:
        return None
    return TrendPoint(at=run.finished_at, run_id=run.run_id, release_id=run.release_id, mean=figure.mean, low=figure.low, high=figure.high)
