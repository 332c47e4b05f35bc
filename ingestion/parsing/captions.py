"""Captions that stand before a table as a paragraph of their own."""

import re

_TABLE_CAPTION = re.compile(r"^(table|tab\.|tabelle|tableau|tabla|tabella|exhibit)\s*\d[\d.]*\s*(?:[.:–—-]|\s\S|$)", re.IGNORECASE)
_MAX_CHARS = 300


def is_table_caption(text: str) -> bool:
    """Whether a paragraph reads like the caption of a table: ``Table 3: Limits``."""
    return len(text) <= _MAX_CHARS and _TABLE_CAPTION.match(text) is not None
