"""Small plots as SVG: colours come from the page's style, and each says in words what it shows. No text from outside goes in."""

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

from evaluation.report.body import TrendPoint

_WIDTH, _HEIGHT = 180, 22
_PAD = 5
_MIDDLE = _HEIGHT / 2


def interval_bar(mean: float, low: float, high: float, *, before: float | None = None, label: str) -> Markup:
    """Return a share with its interval on an axis from 0 to 1; a hollow tick stands where it was before."""
    parts = [
        f'<line class="axis" x1="{_PAD}" y1="{_MIDDLE}" x2="{_WIDTH - _PAD}" y2="{_MIDDLE}"/>',
        *(f'<line class="axis" x1="{_at(share)}" y1="{_MIDDLE - 3}" x2="{_at(share)}" y2="{_MIDDLE + 3}"/>' for share in (0, 0.5, 1)),
        f'<rect class="range" x="{_at(low)}" y="{_MIDDLE - 4}" width="{max(1.0, _at(high) - _at(low)):.1f}" height="8" rx="4"/>',
    ]
    if before is not None:
        parts.append(f'<line class="before" x1="{_at(before)}" y1="2" x2="{_at(before)}" y2="{_HEIGHT - 2}"/>')
    parts.append(f'<circle class="mean" cx="{_at(mean)}" cy="{_MIDDLE}" r="4"/>')
    was = "" if before is None else f", before {before:.2f}"
    return _svg(parts, label=f"{label}: {mean:.2f}, between {low:.2f} and {high:.2f}{was}")


def difference_bar(difference: float, low: float, high: float, *, reach: float, is_noise: bool, label: str) -> Markup:
    """Return a difference with its interval on an axis from ``-reach`` to ``reach``."""

    def at(value: float) -> float:
        return _at((max(-reach, min(reach, value)) / reach + 1) / 2)

    shade = "noise" if is_noise else "moved"
    parts = [
        f'<line class="axis" x1="{_PAD}" y1="{_MIDDLE}" x2="{_WIDTH - _PAD}" y2="{_MIDDLE}"/>',
        f'<line class="zero" x1="{at(0)}" y1="1" x2="{at(0)}" y2="{_HEIGHT - 1}"/>',
        f'<rect class="range {shade}" x="{at(low)}" y="{_MIDDLE - 4}" width="{max(1.0, at(high) - at(low)):.1f}" height="8" rx="4"/>',
        f'<circle class="mean {shade}" cx="{at(difference)}" cy="{_MIDDLE}" r="4"/>',
    ]
    return _svg(parts, label=f"{label}: {difference:+.2f}, between {low:+.2f} and {high:+.2f}")


def trend_line(points: Sequence[TrendPoint], *, label: str) -> Markup:
    """Return a series with its intervals as a band, the newest at the right; its own range is the height, at least a tenth."""
    width, height = 120, 30
    bottom, top = min(point.low for point in points), max(point.high for point in points)
    if top - bottom < 0.1:
        bottom, top = (top + bottom) / 2 - 0.05, (top + bottom) / 2 + 0.05

    def x(place: int) -> float:
        return round(3 + place * (width - 8) / max(1, len(points) - 1), 1) if len(points) > 1 else width / 2

    def y(value: float) -> float:
        return round(height - 4 - (value - bottom) / (top - bottom) * (height - 8), 1)

    band = [f"{x(place)},{y(point.high)}" for place, point in enumerate(points)]
    band += [f"{x(place)},{y(point.low)}" for place, point in reversed(list(enumerate(points)))]
    line = " ".join(f"{x(place)},{y(point.mean)}" for place, point in enumerate(points))
    last = points[-1]
    parts = [
        f'<polygon class="band" points="{" ".join(band)}"/>',
        f'<polyline class="line" points="{line}"/>',
        f'<circle class="mean" cx="{x(len(points) - 1)}" cy="{y(last.mean)}" r="3"/>',
    ]
    said = f"{label}: {len(points)} reports, from {points[0].mean:.2f} to {last.mean:.2f}"
    return _svg(parts, label=said, width=width, height=height)


def _at(share: float) -> float:
    return round(_PAD + max(0.0, min(1.0, share)) * (_WIDTH - 2 * _PAD), 1)


def _svg(parts: Sequence[str], *, label: str, width: int = _WIDTH, height: int = _HEIGHT) -> Markup:
    said = escape(label)
    return Markup(  # noqa: S704  # numbers and our own words; the label is escaped
        f'<svg class="plot" role="img" aria-label="{said}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{said}</title>{''.join(parts)}</svg>"
    )
