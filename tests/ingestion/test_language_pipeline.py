import sys
import types
from pathlib import Path

import pytest
import spacy
import structlog
from unstructured.nlp import tokenize
from unstructured.partition.text_type import contains_verb, is_possible_narrative_text, is_possible_title

from ingestion.parsing import ParsingLimits, language_pipeline, parse

SENTENCE = "The desk answers every question within two hours."


@pytest.fixture(autouse=True)
def unprepared(monkeypatch: pytest.MonkeyPatch):
    """Each test prepares unstructured itself; its caches must not carry answers of another pipeline."""
    monkeypatch.setattr(tokenize, "_get_nlp", tokenize._get_nlp)
    _forget()
    yield
    _forget()


def _forget():
    language_pipeline.prepare.cache_clear()
    for cached in (tokenize._process_cached, tokenize.word_tokenize, tokenize.pos_tag, tokenize._tokenize_for_cache):
        cached.cache_clear()


def test_without_the_model_rules_take_its_place_and_the_log_says_so_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("spacy.util.is_package", lambda name: False)
    monkeypatch.setattr(tokenize, "_install_spacy_model", lambda: pytest.fail("a download was tried"))
    with structlog.testing.capture_logs() as logs:
        language_pipeline.prepare()
        language_pipeline.prepare()
    assert [entry["event"] for entry in logs] == ["language_model_absent"]
    assert is_possible_narrative_text(SENTENCE)
    assert contains_verb("The pump was replaced")
    assert contains_verb("Please call")
    assert not contains_verb("Net prices in pounds")
    assert is_possible_title("Price List")
    assert tokenize.sent_tokenize("One is here. Two is there.") == ["One is here.", "Two is there."]


def test_with_the_model_it_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The model is simulated by a package of its name whose pipeline leaves a trace."""
    package = types.ModuleType(language_pipeline.MODEL)
    monkeypatch.setitem(sys.modules, language_pipeline.MODEL, package)
    monkeypatch.setattr("spacy.util.is_package", lambda name: name == language_pipeline.MODEL)
    asked: list[str] = []

    def load(name: str, **options: object) -> spacy.language.Language:
        asked.append(name)
        pipeline = language_pipeline.blank_pipeline()
        pipeline.meta["name"] = "the installed one"
        return pipeline

    monkeypatch.setattr("spacy.load", load)
    tokenize._get_nlp.cache_clear() if hasattr(tokenize._get_nlp, "cache_clear") else None
    monkeypatch.setattr(tokenize, "_get_nlp", tokenize._load_spacy_model)
    with structlog.testing.capture_logs() as logs:
        language_pipeline.prepare()
    (tmp_path / "a.txt").write_text(SENTENCE)
    assert parse(tmp_path / "a.txt", filename="a.txt", limits=ParsingLimits()).text == SENTENCE
    assert logs == []
    assert set(asked) == {language_pipeline.MODEL}


def test_nothing_is_reported_home(monkeypatch: pytest.MonkeyPatch):
    for name in ("UNSTRUCTURED_DISABLE_NOTICE", "SCARF_NO_ANALYTICS", "DO_NOT_TRACK"):
        monkeypatch.delenv(name, raising=False)
    language_pipeline.prepare()
    from unstructured.utils import _telemetry_opt_out

    assert _telemetry_opt_out()
