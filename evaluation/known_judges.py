"""What is known of judges: what was measured here on the team's own labels, else what footnote ships about its own judge."""

from collections.abc import Iterable, Mapping
from typing import Any

from evaluation.judge_quality import shipped_qualities
from evaluation.report.body import JudgeQuality
from footnote.core.catalog.catalog import Catalog

PUBLIC_SETS = ("wice test", "begin_wow test", "scifact test")
"""Shipped figures that reports carry. Fool Me Twice is left to docs/judge.md: claims written to deceive are not what a model writes."""


async def known_qualities(catalog: Catalog, judges: Iterable[tuple[str, str]]) -> tuple[JudgeQuality, ...]:
    """Return the figures of judges, by name and revision; none of one that nobody has measured.

    A team's own labels count for more than public ones: where there are figures on those, newest first, the shipped ones are left out. What
    was measured of another revision says nothing about this one. What a judge that ships is known for is the least of its shipped figures:
    labels differ in how hard they are, and the team's are not easier than all others.
    """
    known: list[JudgeQuality] = []
    for judge, revision in judges:
        measured = await catalog.judge_qualities.of_judge(judge, revision=revision)
        shipped = [each for each in shipped_qualities(judge, revision) if each["labels"] in PUBLIC_SETS]
        expected = min((each["balanced_accuracy"]["value"] for each in shipped), default=None)
        known += [_told(each.figures, expected=expected) for each in measured] or [_told(each) for each in shipped]
    return tuple(known)


def _told(figures: Mapping[str, Any], *, expected: float | None = None) -> JudgeQuality:
    accuracy = figures["balanced_accuracy"]
    return JudgeQuality(
        judge=figures["judge"],
        labels=figures["labels"],
        n=figures["n"],
        balanced_accuracy=accuracy["value"],
        low=accuracy["low"],
        high=accuracy["high"],
        auroc=_value(figures["auroc"]),
        calibration_error=_value(figures["calibration_error"]),
        expected=expected,
    )


def _value(figure: Mapping[str, float] | None) -> float | None:
    return None if figure is None else figure["value"]
