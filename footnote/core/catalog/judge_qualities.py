"""How well judges agree with labels, as it was measured here: figures and names, no claim and no text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now


@dataclass(frozen=True, slots=True)
class JudgeQualityRecord:
    """One measurement: of a judge's revision, on the labels with the hash; ``figures`` as ``evaluation.judge_quality`` has them."""

    judge: str
    revision: str
    labels: str
    labels_sha256: str
    figures: Mapping[str, Any]
    measured_at: datetime


class JudgeQualities:
    """Reads and writes measurements. They are the installation's: whoever reads a report may know how good its judge is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, *, judge: str, revision: str, labels: str, labels_sha256: str, figures: Mapping[str, Any]) -> JudgeQualityRecord:
        """Keep a measurement; a later one of the same judge on the same labels takes its place."""
        async with self._database.write() as session:
            row = schema.JudgeQuality(
                judge=judge, revision=revision, labels_sha256=labels_sha256, labels=labels, figures=dict(figures), measured_at=now()
            )
            row = await session.merge(row)
        return _record(row)

    async def of_judge(self, judge: str, *, revision: str | None = None) -> tuple[JudgeQualityRecord, ...]:
        """Return what was measured of a judge, of one revision or of all, newest first."""
        query = select(schema.JudgeQuality).where(schema.JudgeQuality.judge == judge)
        if revision is not None:
            query = query.where(schema.JudgeQuality.revision == revision)
        async with self._database.read() as session:
            rows = await session.scalars(query.order_by(schema.JudgeQuality.measured_at.desc(), schema.JudgeQuality.labels))
            return tuple(_record(row) for row in rows)


def _record(row: schema.JudgeQuality) -> JudgeQualityRecord:
    return JudgeQualityRecord(
        judge=row.judge,
        revision=row.revision,
        labels=row.labels,
        labels_sha256=row.labels_sha256,
        figures=row.figures,
        measured_at=row.measured_at,
    )
