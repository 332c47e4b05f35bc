"""A causal language model in this process: tokens in, pieces of text out, one step at a time.

Everything here blocks, and only ``encode`` may be called from several threads at once: ``serving/generator/local.py`` gives it one.
The decoding loop is our own rather than ``generate``: it draws from a random source of its own (``generate`` takes the process's),
stops between any two steps of even a long prompt, and is as fast.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers.decoders import DecodeStream
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from footnote.core.errors import ModelUnavailable
from footnote.core.types import Message, TokenUsage
from serving.generator.port import Delta, GenerationSettings
from serving.generator.sampling import draw_token
from serving.generator.stop_sequences import StopFilter

_PREFILL_TOKENS = 512
"""Tokens of a prompt read in one step: few enough to stop soon and to keep memory small, many enough to cost nothing."""


class CausalModel:
    """A loaded model with its tokenizer, and adapters that can be switched between drafts."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        self._end_ids = _end_ids(model, tokenizer)
        self._special = tuple(str(token) for token in tokenizer.all_special_tokens)
        self._adapters: dict[str, str] = {}
        self._numbers = count()

    @classmethod
    def load(cls, source: str, *, device: str, dtype: torch.dtype) -> "CausalModel":
        """Load a model folder, or a model of the hub by its name.

        Raises:
            ModelUnavailable: it is not there, is broken, or is no chat model.
        """
        logging.disable_progress_bar()
        local = Path(source).is_dir()
        try:
            tokenizer = cast("object", AutoTokenizer.from_pretrained(source, local_files_only=local))
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, local_files_only=local)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            hint = "Check generator.model: a folder with config.json, weights and tokenizer, or a name on the hub."
            raise ModelUnavailable(f"The model {source} cannot be loaded: {error}.", hint=hint) from error
        if not isinstance(tokenizer, PreTrainedTokenizerFast) or not tokenizer.chat_template:
            raise ModelUnavailable(f"The model {source} has no chat template.", hint="Take a model that was trained to answer in chats.")
        model.to(torch.device(device))  # pyright: ignore[reportArgumentType] - the decorator around `to` loses its types
        return cls(model, tokenizer)

    @property
    def context_tokens(self) -> int:
        """What the model was trained for: the most tokens of prompt and text together."""
        return int(self._model.config.max_position_embeddings)

    @property
    def adapters(self) -> tuple[str, ...]:
        return tuple(self._adapters)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Return the prompt's tokens, template included.

        Text that looks like the template's own tokens (``<|im_end|>``) is taken apart first: nobody can end a message from within.
        """
        dialogue = [{"role": message.role, "content": self._defused(message.content)} for message in messages]
        text = str(self._tokenizer.apply_chat_template(dialogue, add_generation_prompt=True, tokenize=False))
        return list(self._tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    def add_adapter(self, name: str, folder: Path) -> None:
        """Load a PEFT adapter under a name; the base model stays as it is.

        Raises:
            ModelUnavailable: the folder holds no adapter, or one for another model.
        """
        if name in self._adapters:
            return
        module_name = f"adapter_{next(self._numbers)}"  # torch allows no dot in it, and a path has some
        try:
            self._model.load_adapter(str(folder), adapter_name=module_name, adapter_kwargs={"local_files_only": True})
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            self._take_out(module_name)
            hint = "It must have been trained for this model."
            raise ModelUnavailable(f"The adapter {folder} cannot be loaded: {error}.", hint=hint) from error
        self._adapters[name] = module_name

    def _take_out(self, module_name: str) -> None:
        """Remove what a failed loading has put into the model: it would change the base model's answers."""
        loaded: dict[str, object] = getattr(self._model, "peft_config", {})
        if module_name in loaded:
            self._model.delete_adapter(module_name)

    def write(
        self, prompt: Sequence[int], settings: GenerationSettings, *, adapter: str | None, is_cancelled: Callable[[], bool]
    ) -> Iterator[Delta]:
        """Yield the text in pieces of whole characters, the last with finish reason and usage; nothing more once cancelled.

        Raises:
            ModelUnavailable: there is no such adapter, or the device fails.
        """
        self._switch_to(adapter)
        with _translated():
            yield from self._write(prompt, settings, is_cancelled)

    def _write(self, prompt: Sequence[int], settings: GenerationSettings, is_cancelled: Callable[[], bool]) -> Iterator[Delta]:
        decoder = DecodeStream(skip_special_tokens=True)
        stop = StopFilter(settings.stop)
        n_written = 0
        for token in self._tokens(prompt, settings, is_cancelled):
            n_written += 1
            piece = decoder.step(self._tokenizer.backend_tokenizer, token)
            if piece and (text := stop.feed(piece)):
                yield Delta(text)
            if stop.stopped:
                break
        if is_cancelled():
            return
        usage = TokenUsage(prompt_tokens=len(prompt), completion_tokens=n_written)
        ran_out = n_written >= settings.max_tokens and not stop.stopped
        yield Delta(stop.flush(), finish_reason="length" if ran_out else "stop", usage=usage)

    def _tokens(self, prompt: Sequence[int], settings: GenerationSettings, is_cancelled: Callable[[], bool]) -> Iterator[int]:
        """Yield tokens until the model ends its message, ``max_tokens`` are written, or it is cancelled."""
        random = torch.Generator()
        random.seed() if settings.seed is None else random.manual_seed(settings.seed)
        cache = DynamicCache(config=self._model.config)
        pending = list(prompt)
        for _ in range(settings.max_tokens):
            logits = self._read(pending, cache, is_cancelled)
            if logits is None:
                return
            token = draw_token(logits, temperature=settings.temperature, top_p=settings.top_p, random=random)
            if token in self._end_ids:
                return
            yield token
            pending = [token]

    @torch.inference_mode()
    def _read(self, tokens: Sequence[int], cache: DynamicCache, is_cancelled: Callable[[], bool]) -> torch.Tensor | None:
        """Return the logits after these tokens, shape (vocabulary,); None when cancelled. The cache takes the tokens in."""
        logits: torch.Tensor | None = None
        for start in range(0, len(tokens), _PREFILL_TOKENS):
            if is_cancelled():
                return None
            ids = torch.tensor([tokens[start : start + _PREFILL_TOKENS]], device=self._model.device)
            output: Any = self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            logits = output.logits[0, -1]
        return logits

    def _switch_to(self, adapter: str | None) -> None:
        """Put the named adapter, or none, into the model."""
        if adapter is None:
            if self._adapters:
                self._model.disable_adapters()
            return
        if adapter not in self._adapters:
            known = ", ".join(self._adapters) or "none"
            raise ModelUnavailable(f"There is no adapter {adapter} here.", hint=f"Loaded: {known}.", param="adapter")
        self._model.set_adapter(self._adapters[adapter])
        self._model.enable_adapters()

    def _defused(self, text: str) -> str:
        for token in self._special:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """Return the tokens that end a message: the model's own, of which there may be several, and the tokenizer's."""
    configured: Any = getattr(model.generation_config, "eos_token_id", None)
    own: Any = tokenizer.eos_token_id
    ids: list[int | None] = [own, *configured] if isinstance(configured, list) else [own, configured]
    return frozenset(token for token in ids if token is not None)


@contextmanager
def _translated() -> Generator[None]:
    """Turn what torch raises (out of memory among it) into our own error."""
    try:
        yield
    except RuntimeError as error:
        raise ModelUnavailable(f"The local model failed: {error}.", hint="Free memory, or take a smaller model.") from error
