"""What a restore has made so far, in the mark that it leaves in the data directory: one that was broken off is cleared away by it."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from footnote.core.data_directory import write_privately


class Begun(BaseModel):
    """What a restore has made outside of the data directory, all of which was empty when it began.

    Places are written without passwords; what lies at another place than the settings name is left alone.

    Args:
        installation: the id that the restored installation gets.
        blobs: where files are put.
        catalog: where the catalog is brought, once that has begun.
        rows: rows of each table of that catalog: one that has others has been used since.
        index: the Qdrant server.
        collections: those made there.
    """

    installation: str
    blobs: str | None = None
    catalog: str | None = None
    rows: dict[str, int] = {}
    index: str | None = None
    collections: list[str] = []

    def write(self, path: Path) -> None:
        """Write the mark in one step.

        Raises:
            OSError: it cannot be written.
        """
        write_privately(path, self.model_dump_json(indent=1))


def read_begun(path: Path) -> Begun | None:
    """Return what a restore has left in its mark, or None where it had not made anything."""
    try:
        return Begun.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
