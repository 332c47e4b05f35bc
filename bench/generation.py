"""Speed and memory of the local generator, beside transformers' own ``generate`` on the same prompt.

    python -m bench.generation --data-dir data

Prints medians: seconds until the first token, tokens/s after it, and the process's memory at each stage. Nothing else should compute on
the machine meanwhile.
"""

import argparse
import asyncio
import resource
import statistics
import time
from contextlib import aclosing
from pathlib import Path

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from footnote.core.settings import GeneratorSettings
from footnote.core.types import Message
from retrieval.embedder.hardware import choose_device, choose_dtype, probe
from serving.generator.bundled_model import bundled_model_folder
from serving.generator.factory import create_generator
from serving.generator.local import LocalGenerator
from serving.generator.port import GenerationRequest, GenerationSettings

SENTENCE = "Employees are entitled to 28 days of paid leave in each calendar year, including public holidays. "


def rss_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


def make_request(n_sentences: int, n_tokens: int) -> GenerationRequest:
    messages = (Message("user", SENTENCE * n_sentences + "\nTell a long story about this."),)
    return GenerationRequest(messages=messages, question="", passages=(), settings=GenerationSettings(max_tokens=n_tokens))


async def streamed(generator: LocalGenerator, request: GenerationRequest) -> tuple[float, float]:
    """Returns (seconds until the first piece, tokens/s after it)."""
    began = time.perf_counter()
    first = 0.0
    n_tokens = 0
    async with aclosing(generator.generate(request)) as deltas:
        async for delta in deltas:
            first = first or time.perf_counter() - began
            n_tokens = delta.usage.completion_tokens if delta.usage else n_tokens
    return first, (n_tokens - 1) / (time.perf_counter() - began - first)


class RawModel:
    """The same weights in the same number format under ``model.generate``."""

    def __init__(self, folder: Path) -> None:
        hardware = probe()
        device = choose_device("auto", hardware)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        dtype = choose_dtype("auto", device, hardware)
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), local_files_only=True).to(device)

    def generated(self, request: GenerationRequest) -> tuple[float, float]:
        """Returns what ``streamed`` does: the time of one token, and the speed of the others."""
        dialogue = [{"role": message.role, "content": message.content} for message in request.messages]
        prompt = self._tokenizer.apply_chat_template(dialogue, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        seconds = []
        for n_tokens in (1, request.settings.max_tokens):
            began = time.perf_counter()
            self._model.generate(**prompt.to(self._model.device), max_new_tokens=n_tokens, min_new_tokens=n_tokens, do_sample=False)
            seconds.append(time.perf_counter() - began)
        return seconds[0], (request.settings.max_tokens - 1) / (seconds[1] - seconds[0])


def report(name: str, runs: list[tuple[float, float]]) -> None:
    first, speed = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"  {name:22} first token {first:6.2f} s   {speed:6.1f} tokens/s")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the bundled model is unpacked, or will be")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=48)
    arguments = parser.parse_args()
    print(f"memory at start            {rss_mb():6.0f} MB")
    began = time.perf_counter()
    generator = await create_generator(GeneratorSettings(), data_dir=arguments.data_dir)
    assert isinstance(generator, LocalGenerator)
    print(f"memory after loading       {rss_mb():6.0f} MB   ({time.perf_counter() - began:.1f} s)")
    requests = [make_request(n_sentences, arguments.tokens) for n_sentences in (10, 70)]
    await streamed(generator, requests[-1])
    highest_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"memory after a long prompt {rss_mb():6.0f} MB   (highest so far {highest_mb:.0f} MB)")
    raw = RawModel(bundled_model_folder(arguments.data_dir))
    raw.generated(requests[0])
    for request in requests:
        print(f"prompt of {generator.count_prompt_tokens(request.messages)} tokens, {generator.model}, {torch.get_num_threads()} threads")
        rounds = [(await streamed(generator, request), raw.generated(request)) for _ in range(arguments.runs)]
        report("LocalGenerator", [ours for ours, _ in rounds])
        report("transformers generate", [theirs for _, theirs in rounds])
    await generator.close()


if __name__ == "__main__":
    asyncio.run(main())
