"""The release that the settings describe: everything that determines an answer, and nothing that does not."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from footnote.core.settings import Settings, passage_budget_tokens
from retrieval.embedder.fingerprint import model_fingerprint
from retrieval.embedder.port import Embedder
from serving.generator.port import Generator
from serving.judge.port import Judge
from serving.policy import VERSION as POLICY_VERSION
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
            "adapter": _adapter(generation.adapter),
            "context_tokens": generator.context_tokens,
            "passage_tokens": passage_budget_tokens(settings),
            "max_tokens": generation.max_tokens,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
        },
        "prompts": {prompt.name: prompt.sha256 for prompt in prompts},
        "embedding": asdict(embedder.recipe),
        "chunking": settings.chunking.model_dump(mode="json"),
        "retrieval": retrieval.model_dump(mode="json"),
        "judge": None if judge is None else {"name": judge.name, "revision": judge.revision, "threshold": judge.threshold},
        "rewriter": rewriter.name,
        "policy": {"name": policy, "version": POLICY_VERSION},
    }


def _adapter(named: str | None) -> str | None:
    """Return an adapter's name with the hash of its content where it lies in a folder: the same path may hold another one tomorrow."""
    if named is None or not Path(named).is_dir():
        return named
    return f"{Path(named).name}@{model_fingerprint(Path(named))}"
