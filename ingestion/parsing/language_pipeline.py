"""unstructured's language pipeline, without a download.

unstructured asks spaCy's ``en_core_web_sm`` for words, sentences and verbs, and downloads it where it is missing. Behind a firewall that
fails, and nothing that footnote does may reach for the network. Where the model is installed it is used; where it is not, a blank
English pipeline takes its place: spaCy's tokenizer, its rule-based sentences, and a small tagger that knows common verbs and endings. The
tags only serve unstructured's guess whether a paragraph without a style is a heading or running text.
"""

import functools
import logging
import os
import re
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

MODEL = "en_core_web_sm"
TAGGER = "footnote_verb_tagger"

_OTHER_TAG = "NN"
_VERB_TAG = "VB"
_COMMON_VERBS = """
am is are was were be been being has have had having do does did done doing will would shall should can could may might must
get gets got give gives gave given go goes went gone make makes made take takes took taken come comes came say says said see sees
saw seen know knows knew known find finds found tell tells told become becomes became keep keeps kept leave leaves left put puts
bring brings brought begin begins began begun hold holds held write writes wrote written stand stands stood hear heard let lets
mean means meant meet meets met run runs ran pay pays paid sit sits sat speak speaks spoke lead leads led read reads grow grows grew
lose loses lost fall falls fell send sends sent build builds built understand understood draw draws drew break breaks broke broken
spend spends spent cut cuts rise rises rose drive drives drove buy buys bought wear wears wore choose chooses chose chosen apply
applies include includes require requires provide provides need needs use uses work works call calls ask asks allow allows show
shows start starts stop stops follow follows contain contains remain remains replace replaces report reports cover covers cost
costs last lasts carry carries please want wants
"""
_DETERMINERS = frozenset(
    {"a", "an", "the", "every", "each", "all", "no", "any", "its", "their", "his", "her", "our", "your", "this", "that", "it"}
)
_THIRD_PERSON = re.compile(r"^(?!across|towards|always|perhaps|unless|whereas|besides|plus|thus|as\b|this|its|his|us\b)[a-z]{3,}s$")
_VERB_ENDING = re.compile(r"^[a-z]{2,}(?:ed|ized|ised|ifies|izes|ises|ifying|izing|ising)$")

log = structlog.get_logger(__name__)


@functools.lru_cache(maxsize=1)
def prepare() -> None:
    """Make unstructured ready to work without the network; to be called before the first partition, and free afterwards.

    Its telemetry and its notice are turned off first: they are sent when it is imported.
    """
    os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"
    os.environ["SCARF_NO_ANALYTICS"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    logging.getLogger("unstructured").setLevel(logging.ERROR)

    import spacy.util  # noqa: PLC0415 - seconds; only the formats that unstructured reads need it
    from unstructured.nlp import tokenize  # noqa: PLC0415

    if spacy.util.is_package(MODEL):
        return
    log.info(
        "language_model_absent",
        model=MODEL,
        instead="rules for sentences and verbs",
        effect="headings without a style are guessed less well",
    )
    tokenize._get_nlp = functools.lru_cache(maxsize=1)(blank_pipeline)  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - the one place where it can be handed a pipeline


def blank_pipeline() -> "Language":
    """Return an English pipeline that needs no model: words, sentences by punctuation, and tags that tell verbs from the rest."""
    import spacy  # noqa: PLC0415
    from spacy.language import Language  # noqa: PLC0415

    if not Language.has_factory(TAGGER):
        Language.component(TAGGER, func=_tag_verbs)
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    pipeline.add_pipe(TAGGER)
    return pipeline


@functools.lru_cache(maxsize=1)
def _common_verbs() -> frozenset[str]:
    return frozenset(_COMMON_VERBS.split())


def _tag_verbs(document: "Doc") -> "Doc":
    common = _common_verbs()
    words = [token.text.lower() for token in document]
    for token, word, after in zip(document, words, [*words[1:], ""], strict=True):
        has_object = after in _DETERMINERS and _THIRD_PERSON.match(word) is not None
        token.tag_ = _VERB_TAG if word in common or has_object or _VERB_ENDING.match(word) else _OTHER_TAG
    return document
