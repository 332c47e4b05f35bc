"""Which language model writes questions for evaluation sets."""

from footnote.cli.evaluation_wiring import question_writer, questions_by
from footnote.core.settings import load_settings

JUDGE = {"judge": {"kind": "openai_compatible", "base_url": "http://judge:8000/v1", "model": "judge-7b"}}
GENERATOR = {"kind": "openai", "base_url": "http://vllm:8000/v1", "model": "chat-8b", "api_key": "k"}


def test_the_judge_writes_before_the_generator_does():
    model = questions_by(load_settings({"evaluation": JUDGE, "generator": GENERATOR}))
    assert model is not None
    assert (model.base_url, model.model) == ("http://judge:8000/v1", "judge-7b")


def test_a_generator_at_a_server_writes_with_its_own_key():
    model = questions_by(load_settings({"generator": GENERATOR}))
    assert model is not None
    assert model.api_key is not None
    assert (model.kind, model.base_url, model.model) == ("openai_compatible", "http://vllm:8000/v1", "chat-8b")
    assert model.api_key.get_secret_value() == "k"


def test_the_bundled_model_writes_no_questions():
    assert questions_by(load_settings({})) is None
    assert question_writer(load_settings({})) is None
