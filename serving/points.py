"""Points follow the catalog: what was written there last is what the index holds in the end, whoever else writes meanwhile or is killed."""

from datetime import timedelta
from typing import Protocol

import structlog

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.moment import now
from footnote.core.catalog.records import AttachmentRecord, AttributeChange
from footnote.core.errors import FootnoteError, NotFound
from footnote.core.types import Attributes

IN_FLIGHT_S = 600.0
"""For so long after a change whoever made it may still be writing to the index: what it has noted stays, and is done again until then."""

log = structlog.get_logger(__name__)


class Payloads(Protocol):
    """What is needed of the index, or of those of all spaces: both have it."""

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None: ...


async def follow_attributes(written: AttachmentRecord, *, catalog: Catalog, index: Payloads) -> AttachmentRecord:
    """Give an attachment's points the readers and attributes that the catalog says, and return what it says.

    Two changes at a time may reach the index in another order than the catalog. Whoever writes to the index last reads the catalog after
    that, and writes again where it says something else. The change that was written ends then; where this raises, or the process is
    killed, it stays for ``follow_left_changes``.

    Raises:
        IndexUnavailable, CatalogUnavailable: a store does not answer.
    """
    current = await _follow(written, catalog=catalog, index=index)
    if written.change is not None:
        await catalog.attachments.end_changes([written.change])
    return current


async def follow_left_changes(catalog: Catalog, *, index: Payloads, in_flight_s: float = IN_FLIGHT_S) -> int:
    """Let the index follow the changes of attributes that have not ended; return of how many attachments. Doing it twice is harmless.

    One attachment whose points cannot be written does not keep the others waiting.

    Args:
        catalog: what is followed.
        index: what follows.
        in_flight_s: a change as young as this may still be under way: it is written all the same, and not forgotten yet.

    Raises:
        FootnoteError: the last failure, after all were tried; what is left is found again the next time.
    """
    by_attachment: dict[str, list[AttributeChange]] = {}
    for change in await catalog.attachments.changes():
        by_attachment.setdefault(change.attachment_id, []).append(change)
    settled_before = now() - timedelta(seconds=in_flight_s)
    failure: FootnoteError | None = None
    for attachment_id, changes in by_attachment.items():
        try:
            await _follow(await catalog.attachments.by_id(attachment_id), catalog=catalog, index=index)
            await catalog.attachments.end_changes([change.id for change in changes if change.created_at <= settled_before])
        except NotFound:  # detached meanwhile: its changes went with it
            continue
        except FootnoteError as error:
            log.warning("the index does not show an attachment's attributes yet", attachment_id=attachment_id, error=str(error))
            failure = error
    if failure is not None:
        raise failure
    return len(by_attachment)


async def _follow(written: AttachmentRecord, *, catalog: Catalog, index: Payloads) -> AttachmentRecord:
    while True:
        for attachment_id in (written.id, *written.took_over):
            await index.update_payload(attachment_id, principals=written.principals, attributes=written.attributes)
        try:
            current = await catalog.attachments.by_id(written.id)
        except NotFound:  # detached meanwhile: its points are going
            return written
        if (current.principals, current.attributes, current.took_over) == (written.principals, written.attributes, written.took_over):
            return current
        written = current
