"""Points follow the catalog: what was written there last is what the index holds in the end, whoever else writes meanwhile."""

from typing import Protocol

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.records import AttachmentRecord
from footnote.core.errors import NotFound
from footnote.core.types import Attributes


class Payloads(Protocol):
    """What is needed of the index, or of those of all spaces: both have it."""

    async def update_payload(self, attachment_id: str, *, principals: frozenset[str], attributes: Attributes) -> None: ...


async def follow_attributes(written: AttachmentRecord, *, catalog: Catalog, index: Payloads) -> AttachmentRecord:
    """Give an attachment's points the readers and attributes that the catalog says, and return what it says.

    Two changes at a time may reach the index in another order than the catalog. Whoever writes to the index last reads the catalog after
    that, and writes again where it says something else.
    """
    while True:
        for attachment_id in (written.id, *written.took_over):
            await index.update_payload(attachment_id, principals=written.principals, attributes=written.attributes)
        try:
            current = await catalog.attachments.by_id(written.id)
        except NotFound:  # detached meanwhile: its points are going
            return written
        if (current.principals, current.attributes) == (written.principals, written.attributes):
            return current
        written = current
