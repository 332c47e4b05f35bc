"""A short name for exactly these weights, cheap enough to compute at each start."""

import hashlib
from pathlib import Path

_EDGE_BYTES = 1024 * 1024
_CONFIGURATION = (".json", ".txt", ".model")
_WEIGHTS = (".safetensors", ".bin")


def model_fingerprint(folder: Path) -> str:
    """Return 16 hexadecimal digits that differ between models: sha256 of the configuration and of a sample of the weights.

    Configuration and tokenizer files are read whole. Of each weights file its size and its first and last MiB are read: the head of a
    safetensors file describes every tensor, and training changes all of them. A file that was changed only in its middle, by hand, would
    go unnoticed; reading gigabytes at each start would be the price of noticing.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.suffix in _CONFIGURATION:
            content = file.read_bytes()
        elif file.suffix in _WEIGHTS:
            content = _sample(file)
        else:
            continue
        digest.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _sample(file: Path) -> bytes:
    size = file.stat().st_size
    with file.open("rb") as weights:
        head = weights.read(_EDGE_BYTES)
        weights.seek(max(0, size - _EDGE_BYTES))
        return f"{size}\0".encode() + head + weights.read(_EDGE_BYTES)
