"""Our judge model and embedder as RAGAS asks for them. RAGAS's synchronous ways are never taken: all that footnote does is asynchronous."""

from typing import TypeVar

from pydantic import BaseModel

from evaluation.ragas_metrics.judge_model import JudgeModel, JudgeUsage
from evaluation.ragas_metrics.vendor import BaseRagasEmbedding, InstructorBaseRagasLLM
from retrieval.embedder.port import Embedder

Answer = TypeVar("Answer", bound=BaseModel)


class RagasLanguageModel(InstructorBaseRagasLLM):
    """The judge model for one score; ``usage`` is what that score has cost.

    Raises:
        JudgeFailure: as ``JudgeModel.ask``.
    """

    def __init__(self, model: JudgeModel) -> None:
        self._model = model
        self.usage = JudgeUsage()

    async def agenerate(self, prompt: str, response_model: type[Answer]) -> Answer:
        return await self._model.ask(prompt, response_model, usage=self.usage)

    def generate(self, prompt: str, response_model: type[Answer]) -> Answer:
        raise TypeError("the judge model is asked with agenerate")


class RagasEmbeddings(BaseRagasEmbedding):
    """The embedder that search uses. Answers that are longer than its window are embedded in windows, as queries are."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self._embedder = embedder

    async def aembed_text(self, text: str, **kwargs: object) -> list[float]:
        return (await self.aembed_texts([text]))[0]

    async def aembed_texts(self, texts: list[str], **kwargs: object) -> list[list[float]]:
        return (await self._embedder.embed_queries(texts)).tolist()

    def embed_text(self, text: str, **kwargs: object) -> list[float]:
        raise TypeError("texts are embedded with aembed_text")
