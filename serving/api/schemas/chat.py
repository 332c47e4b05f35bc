"""Chat completions: requests, answers, and the chunks of a stream."""

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from serving.api.schemas.api_object import ApiObject, ApiRequest, Metadata, omitted
from serving.api.schemas.filters import FiltersField
from serving.api.schemas.vector_stores import FileId

# --------------------------------------------------------------------------------------------------------------------------- requests


class TextPart(ApiRequest):
    """A part of a message."""

    type: Literal["text"]
    text: str


class ChatMessage(ApiRequest):
    """One message. What `system` and `developer` say is not followed: the assistant's own prompt belongs to its release."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    refusal: str | None = None
    annotations: list[Any] | None = Field(default=None, description="Accepted, so that an answer can be sent back as it came.")
    footnote: Any = Field(default=None, description="Accepted, like `annotations`.")
    audio: None = None
    function_call: None = None
    tool_calls: Annotated[list[Any], Field(max_length=0)] | None = None


class StreamOptions(ApiRequest):
    """What a stream carries beside the text."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


StopText = Annotated[str, StringConstraints(min_length=1)]


class ChatRequest(ApiRequest):
    """A question with the dialogue before it.

    The third group is understood by OpenAI's servers and not here: values that ask for nothing are accepted, others are refused.
    """

    model: str = Field(description="`footnote`, `footnote@RELEASE`, or `kb:VECTOR_STORE_ID`.", examples=["footnote"])
    messages: list[ChatMessage] = Field(min_length=1, description="The last one is the question and has the role `user`.")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: FiniteFloat | None = Field(default=None, ge=0, le=2)
    top_p: FiniteFloat | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    vector_store_ids: Annotated[list[FileId], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="footnote's own: where to look. By default everything that the key may read."
    )
    filters: FiltersField = None
    conversation: Annotated[str, StringConstraints(max_length=128)] = Field(
        default="", description="footnote's own: turns with the same word here are answered by the same release."
    )

    user: str | None = None
    safety_identifier: str | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Any = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    parallel_tool_calls: bool | None = None

    n: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: Any = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    functions: list[Any] | None = None
    function_call: Any = None
    modalities: list[str] | None = None
    audio: Any = None
    prediction: Any = None
    moderation: Any = None
    web_search_options: Any = None


# ------------------------------------------------------------------------------------------------------------------------ annotations


class UrlCitation(ApiObject):
    """Where a stretch of the answer comes from, as OpenAI's types have it."""

    start_index: int
    end_index: int
    title: str
    url: str


class UrlCitationAnnotation(ApiObject):
    """A citation for clients that know OpenAI's types alone."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class Support(ApiObject):
    """How well the source supports the claim."""

    verdict: str
    score: float


class FileCitation(ApiObject):
    """Where a stretch of the answer comes from, with the passage itself."""

    file_id: str
    filename: str
    index: int = Field(description="Where a footnote mark belongs in the message.")
    start_index: int = Field(description="The claim in the message: its first code point.")
    end_index: int = Field(description="The code point after the claim.")
    vector_store_id: str
    chunk_ids: list[str]
    page: int | None = omitted()
    quote: str = Field(description="The supporting text of the document.")
    start: int = Field(description="The quote in the document's text.")
    end: int
    support: Support


class FileCitationAnnotation(ApiObject):
    """The same citation, with everything that is known about it."""

    type: Literal["file_citation"] = "file_citation"
    file_citation: FileCitation


Annotation = UrlCitationAnnotation | FileCitationAnnotation


# ------------------------------------------------------------------------------------------------------------- footnote's own additions


class PassageShown(ApiObject):
    """A passage as numbered for this turn; ``start`` and ``end`` point into the document's text."""

    n: int
    file_id: str
    filename: str
    vector_store_id: str
    chunk_ids: list[str]
    page: int | None = omitted()
    heading: str
    start: int
    end: int
    score: float
    text: str


class ClaimShown(ApiObject):
    """A sentence of the answer; ``start`` and ``end`` point into the message, ``citations`` are numbers of passages."""

    start: int
    end: int
    verdict: Literal["supported", "unsupported", "unchecked"]
    score: float | None = omitted()
    citations: list[int]
    replaced: bool


class Started(ApiObject):
    """Sent before the model begins."""

    turn_id: str
    release: str
    query: str
    passages: list[PassageShown]


class Judged(ApiObject):
    """Sent as soon as a claim has its verdict."""

    claim: ClaimShown


class TurnShown(ApiObject):
    """The whole turn."""

    turn_id: str
    release: str
    query: str
    abstained: bool
    claims: list[ClaimShown]
    passages: list[PassageShown]
    timings_ms: dict[str, float]


# ---------------------------------------------------------------------------------------------------------------------------- answers


class Usage(ApiObject):
    """Tokens, as the model counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(ApiObject):
    """The answer. Its text keeps the marks `[n]`."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


class Choice(ApiObject):
    """The one answer."""

    index: int = 0
    message: AnswerMessage
    finish_reason: str
    logprobs: None = None


class ChatCompletion(ApiObject):
    """An answer as a whole."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    footnote: TurnShown


class Delta(ApiObject):
    """What is new."""

    role: Literal["assistant"] | None = omitted()
    content: str | None = omitted()
    annotations: list[Annotation] | None = omitted()


class ChunkChoice(ApiObject):
    """The part of a chunk that belongs to the one answer."""

    index: int = 0
    delta: Delta
    finish_reason: str | None = None
    logprobs: None = None


class ChatCompletionChunk(ApiObject):
    """One event of a stream. ``choices`` is always there, if empty: clients read it without looking."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    footnote: Started | Judged | TurnShown | None = omitted()
    usage: Usage | None = omitted()
