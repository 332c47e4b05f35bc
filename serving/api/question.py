"""From a chat request to a question: what is understood, and a clear refusal of what is not. Pure."""

from collections.abc import Callable
from typing import Any, cast

from footnote.core.errors import InvalidInput
from footnote.core.types import Caller, Message
from serving.answer import Question
from serving.api.filters import parse_filters
from serving.api.limits import require_short
from serving.api.model_names import ModelChoice
from serving.api.schemas.chat import ChatMessage, ChatRequest


def question_of(request: ChatRequest, *, caller: Caller, choice: ModelChoice, max_chars: int) -> Question:
    """Return the question that a request asks.

    Messages of `system` and `developer` are left out: what the assistant is told is part of its release, and checked answers
    would no longer be comparable.

    Raises:
        InvalidInput: a parameter asks for something that footnote does not do, or the messages do not end with a question.
    """
    refuse_unsupported(request)
    dialogue = _dialogue(request.messages)
    require_short([message.content for message in dialogue], max_chars=max_chars, param="messages")
    if not dialogue or request.messages[-1].role != "user":
        raise InvalidInput("The last message has to be the user's question.", param="messages")
    *history, newest = dialogue
    if not newest.content.strip():
        raise InvalidInput("The question is empty.", param=f"messages[{len(request.messages) - 1}].content")
    return Question(
        caller=caller,
        text=newest.content,
        history=tuple(history),
        collection_ids=_collection_ids(request, choice),
        filter=parse_filters(request.filters),
        conversation=request.conversation,
        max_tokens=request.max_completion_tokens or request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop=_stop(request.stop),
    )


def refuse_unsupported(request: ChatRequest) -> None:
    """Refuse parameters of OpenAI's API that would change the answer there and do nothing here.

    Raises:
        InvalidInput: names the first of them.
    """
    for name, (asks_for_nothing, what) in _UNSUPPORTED.items():
        value = getattr(request, name)
        if value is not None and not asks_for_nothing(value):
            raise InvalidInput(f"`{name}` is not supported: {what}", param=name)


def _text_format(value: Any) -> bool:
    return isinstance(value, dict) and cast("dict[str, object]", value).get("type") == "text"


def _zero(value: Any) -> bool:
    return value == 0


def _empty(value: Any) -> bool:
    return not value


def _never(_value: Any) -> bool:
    return False


_UNSUPPORTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "n": (lambda value: value == 1, "one question gets one answer."),
    "frequency_penalty": (_zero, "answers quote their sources, and a quote may repeat words."),
    "presence_penalty": (_zero, "answers quote their sources, and a quote may repeat words."),
    "logit_bias": (_empty, "the model writes without it."),
    "logprobs": (_empty, "claims carry a score of their own instead."),
    "top_logprobs": (_zero, "claims carry a score of their own instead."),
    "response_format": (_text_format, "answers are text with footnotes."),
    "tools": (_empty, "the assistant searches its collections by itself; name them in `vector_store_ids`."),
    "tool_choice": (lambda value: value in ("none", "auto"), "the assistant searches its collections by itself."),
    "functions": (_empty, "the assistant searches its collections by itself."),
    "function_call": (lambda value: value in ("none", "auto"), "the assistant searches its collections by itself."),
    "modalities": (lambda value: value == ["text"], "answers are text."),
    "audio": (_never, "answers are text."),
    "prediction": (_never, "answers are written from the passages that were found."),
    "moderation": (_never, "nothing is moderated."),
    "web_search_options": (_never, "only the collections are searched."),
}


def _dialogue(messages: list[ChatMessage]) -> list[Message]:
    return [
        Message(role=message.role, content=_text(message))
        for message in messages
        if message.role == "user" or (message.role == "assistant" and _text(message))
    ]


def _text(message: ChatMessage) -> str:
    if isinstance(message.content, list):
        return "\n".join(part.text for part in message.content)
    return message.content or ""


def _collection_ids(request: ChatRequest, choice: ModelChoice) -> tuple[str, ...] | None:
    if choice.collection_id is None:
        return None if request.vector_store_ids is None else tuple(request.vector_store_ids)
    if request.vector_store_ids is not None and request.vector_store_ids != [choice.collection_id]:
        raise InvalidInput(
            "`model` names one vector store and `vector_store_ids` others.", hint="Use one of the two.", param="vector_store_ids"
        )
    return (choice.collection_id,)


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)
