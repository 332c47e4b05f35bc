"""What goes wrong at an OpenAI-compatible server, in our own errors."""

import re

import httpx2
import openai

from footnote.core.errors import FootnoteError, InvalidInput, ModelUnavailable, Overloaded

_TOO_LONG = re.compile(r"context.?length|context window|max_model_len|maximum.{0,20}length|too (?:long|many tokens)", re.IGNORECASE)
_RETRY_AFTER_S = 5.0


def translate(error: Exception, *, base_url: str) -> FootnoteError:
    """Return our error for what the client raised; the caller adds which models there are where one is not known."""
    if isinstance(error, openai.APIConnectionError):
        return ModelUnavailable(f"The model server at {base_url} cannot be reached.", hint="Check that it runs, and generator.base_url.")
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return ModelUnavailable(
            f"The model server at {base_url} refuses the key.", hint="Check generator.api_key.", param="generator.api_key"
        )
    if isinstance(error, openai.RateLimitError):
        return Overloaded(f"The model server at {base_url} has too much to do.", retry_after_s=_retry_after_s(error))
    if isinstance(error, openai.BadRequestError) and _TOO_LONG.search(error.message):
        return InvalidInput("The prompt is longer than the model's context.", hint="Ask in fewer words.", param="messages")
    if isinstance(error, openai.APIStatusError):
        return ModelUnavailable(f"The model server at {base_url} answered with status {error.status_code}: {error.message}")
    return ModelUnavailable(f"The model server at {base_url} failed: {error}")


def may_pass(error: Exception) -> bool:
    """Say whether the same request may succeed in a moment: no connection, too much to do, or a fault of the server's."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, (openai.APIConnectionError, httpx2.TransportError))


def _retry_after_s(error: openai.APIStatusError) -> float:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", _RETRY_AFTER_S)))
    except ValueError:
        return _RETRY_AFTER_S
