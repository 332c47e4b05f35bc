"""Releases: immutable records of all that determines an answer, and which of them is the champion."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select

from footnote.core.catalog import schema
from footnote.core.catalog.database import Database
from footnote.core.catalog.moment import now
from footnote.core.errors import NotFound
from footnote.core.owners import SYSTEM_OWNER
from footnote.core.types import EVERYONE, Release

CHAMPION = "champion"


class Releases:
    """Reads and writes releases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure_champion(self, manifest: Mapping[str, object]) -> Release:
        """Record the release that the settings describe, and let it answer all questions."""
        content = json.loads(canonical(manifest))
        release_id = release_id_of(manifest)
        async with self._database.write() as session:
            row = await session.get(schema.Release, release_id)
            if row is None:
                row = schema.Release(id=release_id, owner=SYSTEM_OWNER, principals=[EVERYONE], manifest=content, created_at=now())
                session.add(row)
                await session.flush()
            champion = await session.get(schema.Traffic, release_id)
            if champion is None or champion.role != CHAMPION:
                await session.execute(delete(schema.Traffic).where(schema.Traffic.role == CHAMPION))
                session.add(schema.Traffic(release_id=release_id, role=CHAMPION, share=1.0, since=now()))
        return _record(row)

    async def champion(self) -> Release | None:
        """Return the release that answers; None before a server has started for the first time."""
        row, traffic = schema.Release, schema.Traffic
        query = (
            select(row).join(traffic, traffic.release_id == row.id).where(traffic.role == CHAMPION).order_by(traffic.since.desc()).limit(1)
        )
        async with self._database.read() as session:
            found = (await session.scalars(query)).first()
        return None if found is None else _record(found)

    async def get(self, release_id: str) -> Release:
        """Return a release.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as session:
            row = await session.get(schema.Release, release_id)
        if row is None:
            raise NotFound(f"There is no release {release_id}.")
        return _record(row)

    async def list(self) -> tuple[Release, ...]:
        """Return all releases, oldest first."""
        async with self._database.read() as session:
            return tuple(_record(row) for row in await session.scalars(select(schema.Release).order_by(schema.Release.created_at)))


def canonical(manifest: Mapping[str, Any]) -> str:
    """Return the manifest's one way to be written: sorted keys, no spaces."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def release_id_of(manifest: Mapping[str, object]) -> str:
    """Return the id that the manifest's content gives: ``rel_`` and 16 hexadecimal digits of its sha256."""
    return "rel_" + hashlib.sha256(canonical(manifest).encode()).hexdigest()[:16]


def _record(row: schema.Release) -> Release:
    return Release(id=row.id, manifest=row.manifest, created_at=row.created_at)
