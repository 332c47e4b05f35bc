"""A language model judged as RAGAS asks it: the verdict step of faithfulness, one claim as the one statement."""

import asyncio
from collections.abc import Sequence

from evaluation.judge_quality import Rating
from evaluation.ragas_metrics.failures import JudgeFailure
from evaluation.ragas_metrics.judge_model import JudgeModel, JudgeUsage
from evaluation.ragas_metrics.language_model_scorer import judge_name
from evaluation.ragas_metrics.vendor import NLIStatementInput, NLIStatementOutput, NLIStatementPrompt


class VerdictJudge:
    """Rates claims by the model's verdicts, which have no score; ``evaluation.judge_quality.PairJudge``.

    Args:
        model: the judge; the caller closes it.
    """

    revision = ""  # what a server calls a model is all that it says of it

    def __init__(self, model: JudgeModel) -> None:
        self._model = model
        self._prompt = NLIStatementPrompt()

    @property
    def name(self) -> str:
        return judge_name(self._model.model)

    async def rate(self, claims: Sequence[str], context: str) -> Sequence[Rating | None]:
        return await asyncio.gather(*(self._rate(claim, context) for claim in claims))

    async def _rate(self, claim: str, context: str) -> Rating | None:
        prompt = self._prompt.to_string(NLIStatementInput(context=context, statements=[claim]))
        try:
            output = await self._model.ask(prompt, NLIStatementOutput, usage=JudgeUsage())
        except JudgeFailure:
            return None
        verdicts = [answer.verdict for answer in output.statements]
        return Rating(supported=bool(verdicts[0]), score=None) if len(verdicts) == 1 and verdicts[0] in (0, 1) else None
