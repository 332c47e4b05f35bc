"""Statements made from a question and its answer by rule: rough English, but with the words of the question and not of the passage."""

import re

_RULES = (
    (r"^How (?:many|much) (.+?) (?:did|does|do) (.+)$", r"\2 \0 \1"),
    (r"^How (?:many|much) (.+)$", r"\0 \1"),
    (r"^(?:In|On|At) (?:what|which) (?:\w+ )?(?:did|does|do|was|were|is) (.+)$", r"In \0 \1"),
    (r"^When (?:did|does|do) (.+)$", r"\1 in \0"),
    (r"^When (was|were|is|are) (.+)$", r"\2 \1 in \0"),
    (r"^Where (?:did|does|do) (.+)$", r"\1 in \0"),
    (r"^Where (was|were|is|are) (.+)$", r"\2 \1 in \0"),
    (r"^(?:Who|Whom|What) (?:did|does|do) (.+)$", r"\1 \0"),
    (r"^(?:Who|What) (was|were|is|are) (the .+|\w+'s .+)$", r"\2 \1 \0"),
    (r"^(?:Who|What) (.+)$", r"\0 \1"),
    (r"^(?:What|Which) \w+ (.+)$", r"\0 \1"),
)


def statement(question: str, answer: str) -> str:
    """Return what a question and its answer say together; where no rule fits, the answer stands before the question."""
    bare = question.strip().rstrip("?").strip()
    for pattern, form in _RULES:
        match = re.match(pattern, bare)
        if match:
            parts = (answer, *match.groups())
            said = " ".join(parts[int(part[1:])] if part.startswith("\\") else part for part in form.split())
            return f"{said[0].upper()}{said[1:]}."
    return f"{answer}: {bare}."
