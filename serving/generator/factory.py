"""The generator that the settings describe."""

from pathlib import Path

from footnote.core.errors import InvalidSettings
from footnote.core.offload import offload
from footnote.core.settings import GeneratorSettings
from serving.generator.deadline import Patience
from serving.generator.extractive import ExtractiveGenerator
from serving.generator.openai_compatible import OpenAiGenerator
from serving.generator.port import Generator


async def create_generator(settings: GeneratorSettings, *, data_dir: Path) -> Generator:
    """Build the generator, and load what it needs.

    A local adapter's name in requests is the setting itself, ``generator.adapter``. A server that is down is no reason not to start: its
    health says so, and each draft tries anew.

    Raises:
        InvalidSettings: the settings lack what this kind needs, or name a device that is not there.
        ModelUnavailable: the local model or adapter cannot be loaded.
        StorageUnavailable: the bundled model cannot be unpacked into ``data_dir``.
    """
    match settings.kind:
        case "extractive":
            return ExtractiveGenerator()
        case "openai":
            return await _openai_compatible(settings)
        case "local":
            return await _local(settings, data_dir=data_dir)


async def _openai_compatible(settings: GeneratorSettings) -> Generator:
    if not settings.base_url or not settings.model:
        raise InvalidSettings("generator.kind is `openai`, which needs generator.base_url and generator.model.", param="generator")
    generator = OpenAiGenerator(
        base_url=settings.base_url,
        model=settings.model,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        connect_timeout_s=settings.connect_timeout_s,
        patience=_patience(settings),
        n_retries=settings.n_retries,
        context_tokens=settings.context_tokens,
    )
    await generator.health()  # learns how many tokens the model takes
    return generator


async def _local(settings: GeneratorSettings, *, data_dir: Path) -> Generator:
    # Imported here: torch and transformers take seconds and memory that the other kinds do without.
    from serving.generator.bundled_model import bundled_model_folder  # noqa: PLC0415
    from serving.generator.local import LocalGenerator  # noqa: PLC0415

    source = settings.model or str(await offload(bundled_model_folder, data_dir))
    generator = await LocalGenerator.load(
        source, device=settings.device, context_tokens=settings.context_tokens, patience=_patience(settings)
    )
    if settings.adapter is not None:
        await generator.add_adapter(settings.adapter, Path(settings.adapter))
    return generator


def _patience(settings: GeneratorSettings) -> Patience:
    return Patience(first_token_s=settings.first_token_timeout_s, next_token_s=settings.next_token_timeout_s)
