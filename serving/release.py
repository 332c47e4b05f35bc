"""The release that the settings describe: everything that determines an answer, and nothing that does not."""

from collections.abc import Sequence
from dataclasses import asdict

from footnote.core.settings import Settings, passage_budget_tokens
from retrieval.embedder.port import Embedder
from serving.generator.port import Generator
from serving.judge.port import Judge
from serving.policy import Policy
from serving.prompting import Prompt
from serving.rewriter import Rewriter

MANIFEST_VERSION = 1


def manifest_of(
    settings: Settings,
    *,
    embedder: Embedder,
    generator: Generator,
    judge: Judge | None,
    rewriter: Rewriter,
    policy: Policy,
    prompts: Sequence[Prompt],
) -> dict[str, object]:
    """Return a release's manifest, made of JSON's own types. Where a part runs is not in it: the same answer comes from any machine."""
    generation = settings.generator
    retrieval = settings.retrieval
    return {
        "version": MANIFEST_VERSION,
        "generator": {
            "kind": generation.kind,
            "model": generator.model,
            "adapter": generation.adapter,
            "passage_tokens": passage_budget_tokens(settings),
            "max_tokens": generation.max_tokens,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
        },
        "prompts": {prompt.name: prompt.sha256 for prompt in prompts},
        "embedding": asdict(embedder.recipe),
        "chunking": settings.chunking.model_dump(mode="json"),
        "retrieval": retrieval.model_dump(mode="json"),
        "judge": None if judge is None else {"name": judge.name, "threshold": judge.threshold},
        "rewriter": rewriter.name,
        "policy": policy,
    }
