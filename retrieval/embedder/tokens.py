"""Counting tokens: with a model's own tokenizer, or, where none is at hand, with an estimate that never undercounts."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tokenizers import Encoding, Tokenizer

from footnote.core.errors import InvalidSettings

Span = tuple[int, int]

_SURROGATE = re.compile("[\ud800-\udfff]")


class TokenCounter(Protocol):
    """Finds the tokens of a text; safe to call from any thread."""

    @property
    def n_special(self) -> int:
        """How many special tokens the model puts around a text."""
        ...

    def spans(self, text: str) -> list[Span]:
        """Return the code point range of each token, in order, without special tokens."""
        ...


class ModelTokens:
    """A model's own tokenizer, without the truncation and padding that it may carry.

    ``tokenizers.Tokenizer`` can be used by several threads as long as nobody changes its settings, which transformers' wrapper does at each
    call: so this is a copy that belongs to nobody else.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def load(cls, name: str) -> "ModelTokens":
        """Load ``tokenizer.json`` from a folder, or by its name at the hub.

        Raises:
            InvalidSettings: there is no such tokenizer.
        """
        file = Path(name) / "tokenizer.json"
        try:
            return cls(Tokenizer.from_file(str(file)) if file.exists() else Tokenizer.from_pretrained(name))
        except Exception as error:
            if type(error) is not Exception:  # the library raises nothing more specific; a subclass is a mistake of ours
                raise
            raise InvalidSettings(
                f"There is no tokenizer `{name}`: {error}.", hint="Name a folder with a tokenizer.json.", param="embedder.tokenizer"
            ) from error

    @property
    def n_special(self) -> int:
        return self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def spans(self, text: str) -> list[Span]:
        return self._tokenizer.encode(_encodable(text), add_special_tokens=False).offsets

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Return each text's tokens, special ones among them."""
        return self._tokenizer.encode_batch_fast([_encodable(text) for text in texts], add_special_tokens=True)


class EstimatedTokens:
    """At least as many tokens as any tokenizer finds: one for each byte of a character, in UTF-8, as it is or decomposed.

    No subword tokenizer in use makes more than that (byte-level ones reach it for text that they never saw). For English it is four to five
    times too many, so chunks become that much smaller than they could be: name a tokenizer in ``embedder.tokenizer``.
    """

    n_special = 3
    """A beginning, an end, and the space that SentencePiece puts before a text."""

    def spans(self, text: str) -> list[Span]:
        return [(place, place + 1) for place, character in enumerate(text) for _ in range(_most_tokens(character))]


def _most_tokens(character: str) -> int:
    if character.isascii():
        return 1
    return max(len(form.encode("utf-8", errors="surrogatepass")) for form in (character, unicodedata.normalize("NFKD", character)))


def _encodable(text: str) -> str:
    """Return the text without lone surrogates, which cannot be written in UTF-8; its length stays the same."""
    return _SURROGATE.sub("\ufffd", text)
