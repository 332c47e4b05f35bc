"""A follow-up made to stand alone by rule, for models too small to rewrite it: what is searched, not what is prompted.

"And for part-time staff?" finds nothing by itself. The rule adds the content words of the question before, which both halves of a
hybrid search use well; it does not try to write a sentence.
"""

import re
from collections.abc import Sequence
from functools import reduce

from footnote.core.types import Message
from serving.judge.words import stem, words

_MAX_CARRIED_WORDS = 12
_SHORT_QUESTION_CONTENT_WORDS = 2
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_REFERENCE = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|one|ones|there|then|former|latter|same|such|"
    r"else|instead|otherwise|another|others)\b",
    re.IGNORECASE,
)
_DUMMY_SUBJECT = re.compile(
    r"\b(?:is|was|are|were|does|do|if|how|can|could|will|would|should)\s+there\b|\bthat\s+(?:is|are|was|were|has|have)\b", re.IGNORECASE
)
_ELLIPSIS = re.compile(
    r"\s*(?:and|or|but|so|also|what about|how about|what if|why not|which one|how so|who else|since when|until when|by whom)\b",
    re.IGNORECASE,
)


def standalone_query(question: str, history: Sequence[Message]) -> str:
    """Return the query for a question: itself, followed by what it carries over from the user's questions before it.

    Words are carried over where the question points back (it, they, that, there …), opens like an addition (and, what about …), or has
    hardly a content word of its own. Each carried word is one that the question lacks, as it was written; at most twelve. A question that
    was itself a follow-up hands on what it had carried.
    """
    earlier = [message.content for message in history if message.role == "user"]
    return reduce(_carry_over, [*earlier, question], "")


def is_follow_up(question: str) -> bool:
    """Say whether a question leans on the one before it."""
    if _ELLIPSIS.match(question) or _REFERENCE.search(_DUMMY_SUBJECT.sub(" ", question)):
        return True
    return len(words(question).content) <= _SHORT_QUESTION_CONTENT_WORDS


def _carry_over(before: str, question: str) -> str:
    question = question.strip()
    if not before or not is_follow_up(question):
        return question
    carried = _missing_content_words(before, question)
    return f"{question} {' '.join(carried)}" if carried else question


def _missing_content_words(before: str, question: str) -> list[str]:
    """Return the content words of ``before`` that the question lacks, as written, in order, each once."""
    present = set(words(question).content)
    content = set(words(before).content)
    carried: dict[str, str] = {}
    for word in _WORD.findall(before):
        root = stem(word.lower().replace("’", "'").removesuffix("'s"))
        if root in content and root not in present:
            carried.setdefault(root, word)
    return list(carried.values())[:_MAX_CARRIED_WORDS]
