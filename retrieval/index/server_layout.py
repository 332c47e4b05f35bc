"""How a Qdrant server is to keep an index: shards, copies, quantisation, memory or disk. Applied when its collection is made."""

from dataclasses import dataclass
from typing import Any, Literal

from qdrant_client import models

from footnote.core.settings import IndexSettings
from retrieval.index.schema import DENSE, HNSW_EF_CONSTRUCT, HNSW_M, SPARSE

_QUANTILE = 0.99
"""Of the values of a vector this share is told apart by int8; what lies outside is cut off (Qdrant's documentation advises it)."""


@dataclass(frozen=True, slots=True)
class ServerLayout:
    """What the section ``index`` says of a server's collection; the defaults are those of the settings."""

    shards: int | None = None
    replication: int = 1
    write_consistency: int = 1
    quantisation: Literal["none", "int8", "binary"] = "none"
    oversampling: float = 2.0
    vectors_on_disk: bool = False
    payload_on_disk: bool = True

    @classmethod
    def of(cls, settings: IndexSettings) -> "ServerLayout":
        return cls(
            shards=settings.shards,
            replication=settings.replication,
            write_consistency=settings.write_consistency,
            quantisation=settings.quantisation,
            oversampling=settings.oversampling,
            vectors_on_disk=settings.vectors_on_disk,
            payload_on_disk=settings.payload_on_disk,
        )

    def creation(self, *, dimension: int) -> dict[str, Any]:
        """Return the arguments that ``create_collection`` takes beside the name."""
        return {
            "vectors_config": {
                DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE, on_disk=self.vectors_on_disk),
            },
            "sparse_vectors_config": {SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            "hnsw_config": models.HnswConfigDiff(m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT),
            "shard_number": self.shards,
            "replication_factor": self.replication,
            "write_consistency_factor": self.write_consistency,
            "on_disk_payload": self.payload_on_disk,
            "quantization_config": self._quantisation(),
        }

    def search(self, *, hnsw_ef: int, exact: bool) -> models.SearchParams:
        """Return how a graph is walked. Quantised vectors find candidates, and the whole ones put them into order."""
        rescoring = models.QuantizationSearchParams(rescore=True, oversampling=self.oversampling)
        return models.SearchParams(hnsw_ef=hnsw_ef, exact=exact, quantization=None if self.quantisation == "none" else rescoring)

    def differences(self, found: models.CollectionConfig) -> list[str]:
        """Say in which settings a collection that is there differs: they were others when it was made.

        What the server does not tell (its in-memory stand-in tells little) is taken to be as it should.
        """
        params = found.params
        dense = params.vectors.get(DENSE) if isinstance(params.vectors, dict) else None
        there: dict[str, object] = {
            "shards": params.shard_number,
            "replication": params.replication_factor,
            "write_consistency": params.write_consistency_factor,
            "quantisation": _quantisation_of(found.quantization_config),
            "vectors_on_disk": None if dense is None else dense.on_disk,
            "payload_on_disk": params.on_disk_payload,
        }
        wanted = {name: getattr(self, name) for name in there}
        return [
            f"index.{name} is {wanted[name]}, and was {value}"
            for name, value in there.items()
            if None not in (value, wanted[name]) and value != wanted[name]
        ]

    def _quantisation(self) -> models.ScalarQuantization | models.BinaryQuantization | None:
        if self.quantisation == "int8":
            scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=_QUANTILE, always_ram=True)
            return models.ScalarQuantization(scalar=scalar)
        if self.quantisation == "binary":
            return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
        return None


def _quantisation_of(config: object) -> str | None:
    match config:
        case models.ScalarQuantization():
            return "int8"
        case models.BinaryQuantization():
            return "binary"
        case None:
            return "none"
        case _:
            return type(config).__name__
