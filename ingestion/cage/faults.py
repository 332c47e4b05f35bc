"""How a document that broke a limit is told: what happened, and what to do."""

from footnote.core.errors import DocumentTooLarge, ParserCrashed, UnreadableDocument


def too_much_memory() -> DocumentTooLarge:
    return DocumentTooLarge(
        "Reading the document took more memory than it may.",
        hint="Split it, or raise ingestion.parser_memory_bytes.",
        code="memory_limit",
    )


def too_much_cpu(limit_s: float) -> DocumentTooLarge:
    return DocumentTooLarge(
        f"Reading the document took more than {limit_s:g} s of processor time.",
        hint="Split it, or raise ingestion.parser_cpu_s.",
        code="cpu_limit",
    )


def too_much_time(limit_s: float) -> DocumentTooLarge:
    return DocumentTooLarge(
        f"Reading the document took longer than {limit_s:g} s.",
        hint="Split it, or raise ingestion.parse_timeout_s.",
        code="time_limit",
    )


def too_much_output() -> DocumentTooLarge:
    return DocumentTooLarge(
        "Reading the document wrote more than it may.",
        hint="Split it, or raise ingestion.parser_output_bytes.",
        code="output_limit",
    )


def parser_error(name: str) -> UnreadableDocument:
    return UnreadableDocument(
        f"The parser could not cope with the file ({name}).",
        hint="Open it in the program that made it, save it again, and upload the new copy. The log says where it failed.",
        code="parser_error",
    )


def crashed(ending: str) -> ParserCrashed:
    return ParserCrashed(
        f"The parser broke down while it read the document ({ending}).",
        hint="If it happens again the file may be damaged: save it anew with the program that made it.",
    )
