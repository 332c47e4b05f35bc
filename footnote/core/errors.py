"""The error tree. Every error that footnote raises on purpose is one of these.

    FootnoteError
      InvalidInput                 the caller can mend it by sending something else
        InvalidSettings
        UnsupportedMediaType
        DocumentTooLarge
        UnreadableDocument         encrypted, truncated, without pages, without text
        UnusableBackup
      NotFound
      NotAuthenticated             no key, or one that is not known
      AccessDenied
      Conflict
        AlreadyIngesting
        IndexSchemaMismatch
        DataDirectoryInUse
      Overloaded                   carries retry_after_s
      DependencyError              something that footnote needs did not do its part
        CatalogUnavailable
        IndexUnavailable
        StorageUnavailable         the disk is full, or the data directory cannot be written
        ModelUnavailable
        GenerationTimeout
        ParserCrashed              the process that reads a document died

The class says whether trying again can help (``retryable``), and the message says what happened and what to do. Core knows no HTTP:
``serving/api/errors.py`` maps each class to a status and a stable code, and a test fails when a class has no mapping.
"""

from typing import ClassVar

FILE_FAULTS = frozenset(
    {
        "empty",
        "password",
        "damaged",
        "no_text",
        "parser_error",
        "page_limit",
        "pixel_limit",
        "text_limit",
        "expansion_limit",
        "memory_limit",
        "cpu_limit",
        "time_limit",
        "output_limit",
    }
)
"""Codes that say what about a file made reading it fail; docs/reading-files.md lists them with what to do."""


class FootnoteError(Exception):
    """The root of the tree; never raised itself.

    Args:
        message: what happened, in one sentence that a user understands.
        hint: what to do about it, or None where nothing can be advised.
        param: the name of the request's field or the setting at fault, where there is one.
        code: a stable word for programs, where the class alone does not tell one cause from another (``FILE_FAULTS``).
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInput(FootnoteError):
    """What the caller sent cannot be used."""


class InvalidSettings(InvalidInput):
    """A setting is unknown, malformed, or contradicts another."""


class UnsupportedMediaType(InvalidInput):
    """The file's content is of a type that footnote does not read."""


class DocumentTooLarge(InvalidInput):
    """The file, or what it expands to, is over a limit."""


class UnreadableDocument(InvalidInput):
    """The file is of a known type, but its text cannot be had."""


class UnusableBackup(InvalidInput):
    """A backup is not there, is damaged, or does not fit this installation."""


class NotFound(FootnoteError):
    """There is no such thing, or the caller may not know that there is."""


class NotAuthenticated(FootnoteError):
    """The request carries no key, or one that is not known."""


class AccessDenied(FootnoteError):
    """The caller is known, but may not do this."""


class Conflict(FootnoteError):
    """The request contradicts the present state."""


class AlreadyIngesting(Conflict):
    """The attachment is being ingested at this moment."""


class IndexSchemaMismatch(Conflict):
    """The index was built with another schema or embedder than the settings ask for."""


class DataDirectoryInUse(Conflict):
    """Another process owns the data directory."""


class Overloaded(FootnoteError):
    """There is more work than can be taken at the moment."""

    retryable = True

    def __init__(self, message: str, *, retry_after_s: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class DependencyError(FootnoteError):
    """Something that footnote needs did not do its part; trying again may help."""

    retryable = True


class CatalogUnavailable(DependencyError):
    """The catalog's database does not answer."""


class IndexUnavailable(DependencyError):
    """The index does not answer."""


class StorageUnavailable(DependencyError):
    """Bytes could not be written or read: a full disk, a missing permission, a dead store."""


class ModelUnavailable(DependencyError):
    """A model server or a model's files cannot be reached or fail."""


class GenerationTimeout(DependencyError):
    """The model server was reached, but did not go on in time."""


class ParserCrashed(DependencyError):
    """The process that read a document died, by itself or from outside."""
