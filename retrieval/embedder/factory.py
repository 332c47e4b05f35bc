"""From settings to an embedder that is ready."""

from footnote.core.settings import EmbedderSettings
from retrieval.embedder.port import Embedder


async def create_embedder(settings: EmbedderSettings) -> Embedder:
    """Return the embedder that the settings name, its model loaded or its server asked.

    Raises:
        ModelUnavailable: the model is not here and cannot be had, or the server does not answer.
        InvalidSettings: the settings contradict the model or the machine.
    """
    if settings.kind == "openai":
        from retrieval.embedder.openai_compatible import OpenAICompatibleEmbedder  # noqa: PLC0415  # only what is used is loaded

        return await OpenAICompatibleEmbedder.connect(settings)
    from retrieval.embedder.sentence_transformer import SentenceTransformerEmbedder  # noqa: PLC0415  # torch takes seconds to import

    return await SentenceTransformerEmbedder.load(settings)
