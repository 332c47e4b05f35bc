"""Why a judge gave no score, as the failure codes of scores."""

from enum import StrEnum


class FailureCode(StrEnum):
    """Codes that a score by RAGAS may carry; docs/judge.md says what to do about each."""

    JUDGE_TIMEOUT = "judge_timeout"
    JUDGE_UNAVAILABLE = "judge_unavailable"
    JUDGE_INVALID_OUTPUT = "judge_invalid_output"
    JUDGE_REFUSED = "judge_refused"
    PROMPT_TOO_LONG = "judge_prompt_too_long"
    NOT_FINITE = "not_finite"
    NO_QUESTION = "no_question"
    NO_PASSAGES = "no_passages"
    EMBEDDER_UNAVAILABLE = "embedder_unavailable"
    METRIC_FAILED = "metric_failed"


class JudgeFailure(Exception):  # an outcome of one question, that becomes a score's failure code
    """A judge did not answer one question. It never leaves this package: each becomes a score's failure code."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(code.value)
        self.code = code
