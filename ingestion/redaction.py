"""Redaction: personal data is replaced by marks such as ``[EMAIL_ADDRESS]`` before anything else is made of a document's text.

What is found is what Presidio's pattern recognisers find: regular expressions with checksums, and words nearby that make a weak pattern
sure. There is no model behind it, so names, places and organisations are not found (docs/redaction.md has precision and recall).
"""

import hashlib
import importlib
import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

from footnote.core.errors import InvalidSettings
from footnote.core.fingerprints import fingerprint_of
from footnote.core.types import Document
from ingestion.elements import DocumentBuilder

VERSION = 1
"""Part of every recipe with redaction: raise it when something else is found, or marked otherwise."""

MIN_SCORE = 0.4
"""Patterns that are sure by themselves, or by a checksum, or by a word nearby; bench/redaction.py on presidio_pii set it."""

PHONE_REGIONS = (
    "US",
    "GB",
    "DE",
    "FR",
    "IT",
    "ES",
    "NL",
    "BE",
    "AT",
    "CH",
    "SE",
    "DK",
    "NO",
    "FI",
    "PL",
    "CZ",
    "HU",
    "IL",
    "IN",
    "CA",
    "BR",
    "AU",
)

MIN_PHONE_DIGITS = 7
"""Some regions have shorter numbers, and every postcode looks like one of those: on presidio_pii they cost a sixth of the precision."""

_RECOGNISERS = {
    "EMAIL_ADDRESS": "EmailRecognizer",
    "PHONE_NUMBER": "PhoneRecognizer",
    "CREDIT_CARD": "CreditCardRecognizer",
    "IBAN_CODE": "IbanRecognizer",
    "IP_ADDRESS": "IpRecognizer",
    "MAC_ADDRESS": "MacAddressRecognizer",
    "URL": "UrlRecognizer",
    "CRYPTO": "CryptoRecognizer",
    "DATE_TIME": "DateRecognizer",
    "US_SSN": "UsSsnRecognizer",
    "US_ITIN": "UsItinRecognizer",
    "US_PASSPORT": "UsPassportRecognizer",
    "US_DRIVER_LICENSE": "UsLicenseRecognizer",
    "US_BANK_NUMBER": "UsBankRecognizer",
    "UK_NHS": "NhsRecognizer",
    "UK_NINO": "UkNinoRecognizer",
    "CA_SIN": "CaSinRecognizer",
    "AU_TFN": "AuTfnRecognizer",
    "DE_TAX_ID": "DeTaxIdRecognizer",
    "ES_NIF": "EsNifRecognizer",
    "ES_NIE": "EsNieRecognizer",
    "FI_PERSONAL_IDENTITY_CODE": "FiPersonalIdentityCodeRecognizer",
    "IN_AADHAAR": "InAadhaarRecognizer",
    "IN_PAN": "InPanRecognizer",
    "IT_FISCAL_CODE": "ItFiscalCodeRecognizer",
    "PL_PESEL": "PlPeselRecognizer",
}
_MAY_HOLD_ONE = re.compile(r"[\d@]|://|\w\.\w")
"""Every kind has a digit, an ``@`` or a dot within a word: text without any need not be looked at."""

_NOT_NEEDED = ("torch", "transformers", "gliner", "stanza")
_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something personal: ``text[start:end]``. ``score`` says how sure the pattern is, from 0 to 1."""

    kind: str
    start: int
    end: int
    score: float


class Finder(Protocol):
    """Finds personal data in a text; findings may overlap, in any order."""

    def __call__(self, text: str) -> Sequence[Finding]: ...


def redacted(document: Document, kinds: Sequence[str], *, finder: Finder | None = None) -> Document:
    """Return the document with marks in the place of personal data: in text, captions and title. Offsets point into the marked text.

    ``redactions`` counts them by kind, and the fingerprint is that of the marked text. A finding does not reach from one element into
    another.

    Raises:
        InvalidSettings: the recognisers are not installed.
    """
    find = finder or presidio(tuple(sorted(set(kinds))))
    found: Counter[str] = Counter()

    def mark(text: str) -> str:
        marked, counts = marked_text(text, find(text) if _MAY_HOLD_ONE.search(text) else ())
        found.update(counts)
        return marked

    builder = DocumentBuilder(max_text_chars=sys.maxsize)
    for element in document.elements:
        like = element if element.caption is None else replace(element, caption=mark(element.caption))
        builder.add_like(like, mark(document.text[element.start : element.end]))
    in_elements = dict(found)  # the title repeats what stands in the text
    built = builder.build(
        media_type=document.media_type,
        title=None if document.title is None else mark(document.title),
        n_pages=document.n_pages,
        language=document.language,
        notes=document.notes,
    )
    return replace(
        document,
        text=built.text,
        elements=built.elements,
        title=built.title,
        fingerprint=fingerprint_of(built.text),  # that of the text before would tell two values apart, and so confirm a guess
        redactions=dict(sorted(in_elements.items())),
    )


def marked_text(text: str, findings: Iterable[Finding]) -> tuple[str, Mapping[str, int]]:
    """Return the text with a mark in the place of each finding, and how many there are of each kind."""
    chosen = without_overlaps(findings)
    pieces: list[str] = []
    end = 0
    for finding in chosen:
        pieces += [text[end : finding.start], f"[{finding.kind}]"]
        end = finding.end
    return "".join([*pieces, text[end:]]), Counter(finding.kind for finding in chosen)


def without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in order of place: of those that overlap the surest one, then the longest, widened over the others.

    Everything that any of them covered stays covered: half an address must not remain.
    """
    chosen: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start, each.end)):
        if finding.start >= finding.end:
            continue
        if chosen and finding.start < chosen[-1].end:
            before = chosen.pop()
            better = max(before, finding, key=lambda each: (each.score, each.end - each.start))
            finding = replace(better, start=before.start, end=max(before.end, finding.end))  # noqa: PLW2901 - it is what is chosen now
        chosen.append(finding)
    return chosen


def recipe_suffix(kinds: Sequence[str]) -> str:
    """Return what the name of a parser gains by redaction: other kinds make another text, which is then read again."""
    if not kinds:
        return ""
    named = hashlib.sha256("+".join(sorted(set(kinds))).encode()).hexdigest()[:12]
    return f"~redacted-{VERSION}-{named}"


# --------------------------------------------------------------------------------------------------------------------------- Presidio


@cache
def presidio(kinds: tuple[str, ...]) -> Finder:
    """Return Presidio's pattern recognisers for these kinds; loading them takes seconds, and no network.

    Raises:
        InvalidSettings: they are not installed.
    """
    with _without_models():
        try:
            analyzer: Any = importlib.import_module("presidio_analyzer")
            predefined: Any = importlib.import_module("presidio_analyzer.predefined_recognizers")
            tldextract: Any = importlib.import_module("tldextract.tldextract")
            spacy: Any = importlib.import_module("spacy")
        except ModuleNotFoundError as error:
            raise missing() from error
    # By default it fetches the list of domains from the network; the one that it brings is enough.
    tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    registry = analyzer.RecognizerRegistry(recognizers=[_recogniser(predefined, kind) for kind in kinds], supported_languages=[_LANGUAGE])
    engine = analyzer.AnalyzerEngine(registry=registry, nlp_engine=_words_only(spacy.blank(_LANGUAGE)), supported_languages=[_LANGUAGE])

    def find(text: str) -> list[Finding]:
        results = engine.analyze(text=text, language=_LANGUAGE, entities=list(kinds), score_threshold=MIN_SCORE)
        findings = [Finding(kind=each.entity_type, start=each.start, end=each.end, score=each.score) for each in results]
        return [each for each in findings if each.kind != "PHONE_NUMBER" or _n_digits(text[each.start : each.end]) >= MIN_PHONE_DIGITS]

    return find


def _n_digits(text: str) -> int:
    return sum(character.isdecimal() for character in text)


def missing() -> InvalidSettings:
    """Return the error that says what to install."""
    return InvalidSettings(
        "ingestion.redact needs Presidio's recognisers, which are not installed.",
        hint='Install them with `pip install "footnote-assistant[redaction]"`, or take the setting away.',
        param="ingestion.redact",
    )


def is_installed() -> bool:
    """Whether redaction can be asked for; nothing is loaded to find out."""
    return importlib.util.find_spec("presidio_analyzer") is not None


def _recogniser(predefined: Any, kind: str) -> Any:
    further = {"supported_regions": PHONE_REGIONS} if kind == "PHONE_NUMBER" else {}
    return getattr(predefined, _RECOGNISERS[kind])(supported_language=_LANGUAGE, supported_entity=kind, **further)


def _words_only(pipeline: Any) -> Any:
    """Return what Presidio asks for words around a pattern: a tokenizer without a model. A word's lemma is the word."""
    engine: Any = importlib.import_module("presidio_analyzer.nlp_engine")

    class WordsOnly(engine.NlpEngine):
        def load(self) -> None: ...

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> Any:
            words = pipeline.make_doc(text)
            return engine.NlpArtifacts(
                entities=[],
                tokens=words,
                tokens_indices=[word.idx for word in words],
                lemmas=[word.lower_ for word in words],
                nlp_engine=self,
                language=language,
            )

        def process_batch(self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **_: Any) -> Any:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:
            return bool(pipeline.vocab[word].is_stop)

        def is_punct(self, word: str, language: str) -> bool:
            return bool(pipeline.vocab[word].is_punct)

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return [_LANGUAGE]

    return WordsOnly()


@contextmanager
def _without_models() -> Generator[None]:
    """Let what is imported within believe that no model library is installed.

    Presidio imports torch and transformers where it finds them, for recognisers that are not used here: seconds, and hundreds of
    megabytes in each parser.
    """
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType] - what Python itself takes for "not installed"
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
