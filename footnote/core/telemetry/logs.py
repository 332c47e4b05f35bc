"""Logs: one line for each event, on standard error, from our own code and from libraries alike.

Ours is written with ``structlog.get_logger()``: an event's name and fields. Whoever works for a request or a job binds its id with
``structlog.contextvars.bound_contextvars(request_id=…)``, and every line below carries it.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from footnote.core.settings import TelemetrySettings
from footnote.core.telemetry.text_fields import without_text

# Libraries that say much at level info, or the text of requests at level debug.
QUIET_LIBRARIES = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "filelock",
    "httpcore",
    "httpx",
    "huggingface_hub",
    "llama_index",
    "openai",
    "pdfminer",
    "qdrant_client",
    "sentence_transformers",
    "sqlalchemy",
    "transformers",
    "unstructured",
    "urllib3",
    "uvicorn.access",
)
# Libraries that bring handlers of their own, which would write each line a second time.
LIBRARIES_WITH_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "transformers", "sentence_transformers")
# A span that is left in another context than it was opened in (an abandoned stream) is logged as an error, with a traceback; it is none.
SILENT_LOGGERS = ("opentelemetry.context",)


def configure_logging(settings: TelemetrySettings, *, stream: TextIO | None = None) -> None:
    """Set up logging for the whole process; ``main()`` calls it once. Calling it again replaces what was set up.

    Args:
        settings: level, format, and whether text may be logged.
        stream: where lines go; by default standard error.
    """
    target = sys.stderr if stream is None else stream
    shared = _shared_processors(settings)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings, target)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    logging.captureWarnings(capture=True)
    _tame_libraries()


def _shared_processors(settings: TelemetrySettings) -> list[Processor]:
    guard: list[Processor] = [] if settings.log_text else [drop_text]
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        *guard,
    ]


def _renderers(settings: TelemetrySettings, target: TextIO) -> list[Processor]:
    if settings.log_format == "console" or (settings.log_format == "auto" and target.isatty()):
        # The plain traceback: rich's prints local variables, and with them questions and documents.
        return [structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def drop_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out the fields that hold what people wrote."""
    # structlog hands over its own bookkeeping under keys that begin with an underscore; it must stay what it is.
    own = {name: value for name, value in event.items() if name.startswith("_") or name == "exc_info"}
    return {**without_text({name: value for name, value in event.items() if name not in own}), **own}


def _tame_libraries() -> None:
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in LIBRARIES_WITH_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
