"""What stands in the index: the names of vectors and payload fields, and the stamp that says under which recipe it was built.

Pure: both engines read this and neither is imported here. A change to anything below, or to the settings in ``bm25``, is a new
``SCHEMA_VERSION``: an older index is then refused and built anew from the catalog.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from footnote.core.errors import IndexSchemaMismatch
from footnote.core.types import Attributes, AttributeValue, EmbeddingRecipe
from retrieval.index.port import Point, PointHit

SCHEMA_VERSION = 1

DENSE = "dense"
SPARSE = "bm25"

COLLECTION = "collection_id"
ATTACHMENT = "attachment_id"
VERSION = "version_id"
CHUNK = "chunk_id"
EDITION = "edition"
WINDOW = "window"
PAGE = "page"
PRINCIPALS = "principals"

TEXT_ATTRIBUTES = "text_attributes"
NUMBER_ATTRIBUTES = "number_attributes"
FLAG_ATTRIBUTES = "flag_attributes"

INDEXED = (COLLECTION, PRINCIPALS, VERSION, ATTACHMENT, EDITION)
"""Payload fields with a keyword index, the tenant's first: each search names a collection and principals.

Attributes have none: their names are the callers' own, without end, and each index takes memory in every segment. A filter on attributes
is checked on the points of the collections that are searched, which the tenant's index finds.
"""

HIT_FIELDS = (COLLECTION, ATTACHMENT, VERSION, CHUNK, WINDOW)
"""Payload fields that a hit is made of."""

HNSW_M = 16
HNSW_EF_CONSTRUCT = 100
RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

Payload = dict[str, str | int | list[str] | dict[str, str] | dict[str, float] | None]


def payload_of(point: Point) -> Payload:
    """Return what is stored beside a point's vectors."""
    return {
        COLLECTION: point.collection_id,
        ATTACHMENT: point.attachment_id,
        VERSION: point.version_id,
        CHUNK: point.chunk_id,
        WINDOW: point.window,
        PAGE: point.page,
        **({} if point.edition is None else {EDITION: point.edition}),
        **changeable_payload(principals=point.principals, attributes=point.attributes),
    }


def changeable_payload(*, principals: frozenset[str], attributes: Attributes) -> Payload:
    """Return the fields that may change while an attachment stays the same; each is replaced whole.

    Attributes are kept apart by type, so that the text "1", the number 1 and the flag true never match each other. Flags are the words
    "true" and "false": Qdrant Edge 0.9 turns a Boolean in a match condition into an integer, which then matches nothing.
    """
    return {
        PRINCIPALS: sorted(principals),
        TEXT_ATTRIBUTES: {attribute_name(key): value for key, value in attributes.items() if isinstance(value, str)},
        NUMBER_ATTRIBUTES: {attribute_name(key): float(value) for key, value in attributes.items() if is_number(value)},
        FLAG_ATTRIBUTES: {attribute_name(key): flag_word(value) for key, value in attributes.items() if isinstance(value, bool)},
    }


def is_number(value: AttributeValue) -> bool:
    """Say whether a value is a number; Python counts Booleans among them, footnote does not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def flag_word(value: bool) -> str:
    return "true" if value else "false"


def attribute_name(key: str) -> str:
    """Return a key as it stands in the payload: quotation marks, which a quoted JSON path cannot hold, are percent-encoded."""
    return key.replace("%", "%25").replace('"', "%22").replace("\\", "%5C")


def attribute_path(field: str, key: str) -> str:
    """Return the JSON path of an attribute, quoted, so that a key may contain dots, brackets and spaces."""
    return f'{field}."{attribute_name(key)}"'


def hit_of(*, point_id: str, payload: Mapping[str, object], score: float) -> PointHit:
    """Return a hit from what an engine gives back."""
    window = payload[WINDOW]
    assert isinstance(window, int)
    return PointHit(
        point_id=point_id,
        collection_id=str(payload[COLLECTION]),
        attachment_id=str(payload[ATTACHMENT]),
        version_id=str(payload[VERSION]),
        chunk_id=str(payload[CHUNK]),
        window=window,
        score=score,
    )


def fingerprint(recipe: EmbeddingRecipe) -> str:
    """Return 16 hexadecimal digits that differ where the schema or anything in the recipe differs."""
    canonical = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(recipe)}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def physical_collection(recipe: EmbeddingRecipe) -> str:
    """Return the name at the server: points of two recipes never share vectors, so each recipe has a Qdrant collection of its own."""
    return f"footnote-{fingerprint(recipe)}"


@dataclass(frozen=True, slots=True)
class IndexStamp:
    """What an index on disk says about itself.

    Args:
        shard: the name of the shard's folder that is current.
        schema_version: the schema that it was built with.
        recipe: the embedder whose vectors it holds.
    """

    shard: str
    schema_version: int
    recipe: EmbeddingRecipe

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "IndexStamp":
        """Read a stamp.

        Raises:
            IndexSchemaMismatch: this is no stamp of an index that footnote knows.
        """
        try:
            fields = json.loads(text)
            return cls(shard=str(fields["shard"]), schema_version=int(fields["schema_version"]), recipe=EmbeddingRecipe(**fields["recipe"]))
        except (ValueError, KeyError, TypeError) as error:
            raise IndexSchemaMismatch("The index's stamp cannot be read.", hint=REBUILD_HINT) from error

    def check(self, recipe: EmbeddingRecipe) -> None:
        """Refuse to go on where the index was built otherwise than is asked for now.

        Raises:
            IndexSchemaMismatch: with both recipes in the message.
        """
        if self.schema_version != SCHEMA_VERSION:
            raise IndexSchemaMismatch(
                f"The index was built with schema {self.schema_version}, this footnote needs {SCHEMA_VERSION}.", hint=REBUILD_HINT
            )
        if self.recipe != recipe:
            changed = [name for name, was in asdict(self.recipe).items() if was != asdict(recipe)[name]]
            differences = ", ".join(f"{name} {asdict(self.recipe)[name]!r} then, {asdict(recipe)[name]!r} now" for name in changed)
            raise IndexSchemaMismatch(f"The index was built with another embedder: {differences}.", hint=REBUILD_HINT)


REBUILD_HINT = "Set the embedder back to what it was, or remove the index and ingest again."
