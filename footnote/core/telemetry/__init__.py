"""Telemetry: logs, metrics and spans. None of them carries the text of questions, answers or documents unless an operator opts in."""

from footnote.core.telemetry.logs import configure_logging
from footnote.core.telemetry.metrics import Metrics
from footnote.core.telemetry.telemetry import Stage, Telemetry, open_telemetry

__all__ = ["Metrics", "Stage", "Telemetry", "configure_logging", "open_telemetry"]
