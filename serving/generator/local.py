"""The generator in this process: one model, one thread, one draft at a time, the others in line."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

from footnote.core.errors import InvalidInput, ModelUnavailable
from footnote.core.offload import offload, offload_to
from footnote.core.types import Message, PartHealth
from retrieval.embedder.fingerprint import model_fingerprint
from retrieval.embedder.hardware import choose_device, choose_dtype, probe
from serving.generator.causal_model import CausalModel
from serving.generator.deadline import Patience
from serving.generator.port import Delta, GenerationRequest


@dataclass(slots=True, eq=False)
class _Draft:
    """A draft that is being written: pieces on their way from the thread, and the word to stop."""

    prompt: list[int]
    request: GenerationRequest
    loop: asyncio.AbstractEventLoop
    pieces: "asyncio.Queue[Delta | BaseException]" = field(default_factory=asyncio.Queue[Delta | BaseException])
    is_left: threading.Event = field(default_factory=threading.Event)

    def hand_over(self, piece: Delta | BaseException) -> None:
        """Pass a piece, or what went wrong, from the thread to the reader, unless there is none any more."""
        if not self.is_left.is_set() and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.pieces.put_nowait, piece)

    def end(self, writing: "Future[None]") -> None:
        """Pass on what the thread raised."""
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self.hand_over(error)


class LocalGenerator:
    """Writes drafts with a model that transformers loads.

    Drafts are written in the order in which they were asked for. The thread that writes never waits for the reader: what is written ahead
    is bounded by ``max_tokens``.
    """

    def __init__(self, model: CausalModel, *, name: str, context_tokens: int | None = None, patience: Patience | None = None) -> None:
        self._causal_model = model
        self._name = name
        self._context_tokens = min(context_tokens or model.context_tokens, model.context_tokens)
        self._patience = patience or Patience()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="generator")
        self._drafts: set[_Draft] = set()
        self._is_closed = False

    @classmethod
    async def load(
        cls, source: str, *, device: str = "auto", context_tokens: int | None = None, patience: Patience | None = None
    ) -> "LocalGenerator":
        """Load a model folder, or a model of the hub by its name.

        Raises:
            InvalidSettings: this machine has no such device.
            ModelUnavailable: the model cannot be loaded.
        """
        hardware = probe()
        chosen = choose_device(device, hardware)
        dtype: torch.dtype = getattr(torch, choose_dtype("auto", chosen, hardware))
        model = await offload(CausalModel.load, source, device=chosen, dtype=dtype)
        return cls(model, name=await offload(_name, source), context_tokens=context_tokens, patience=patience)

    @property
    def model(self) -> str:
        return self._name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that are loaded."""
        return self._causal_model.adapters

    async def add_adapter(self, name: str, folder: Path) -> None:
        """Load a PEFT adapter, between two drafts; requests then choose it by its name.

        Raises:
            ModelUnavailable: the folder holds no adapter, or one for another model.
        """
        await offload_to(self._thread, self._causal_model.add_adapter, name, folder)

    def count_prompt_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._causal_model.encode(messages))

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """Yield the draft as the port promises; its turn comes when those before it are written or left."""
        draft = _Draft(prompt=await offload(self._causal_model.encode, request.messages), request=request, loop=asyncio.get_running_loop())
        self._check(draft)
        self._drafts.add(draft)
        writing = self._thread.submit(self._write, draft)
        writing.add_done_callback(draft.end)
        try:
            piece = await self._patience.first(draft.pieces.get())
            while True:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
                if piece.finish_reason is not None:
                    return
                piece = await self._patience.next(draft.pieces.get())
        finally:
            draft.is_left.set()
            writing.cancel()
            self._drafts.discard(draft)

    async def health(self) -> PartHealth:
        facts = {"model": self._name, "context_tokens": self._context_tokens, "n_in_line": len(self._drafts)}
        detail = "closed" if self._is_closed else "loaded in this process"
        return PartHealth(name="generator", ready=not self._is_closed, detail=detail, facts=facts)

    async def close(self) -> None:
        """Stop what is being written; its readers get ModelUnavailable. Closing twice is closing once."""
        self._is_closed = True
        for draft in self._drafts:
            draft.hand_over(ModelUnavailable("The generator was closed."))
            draft.is_left.set()
        await offload(self._thread.shutdown, cancel_futures=True)

    def _check(self, draft: _Draft) -> None:
        if self._is_closed:
            raise ModelUnavailable("The generator was closed.")
        if len(draft.prompt) + draft.request.settings.max_tokens > self._context_tokens:
            raise InvalidInput(
                f"The prompt has {len(draft.prompt)} tokens and the answer up to {draft.request.settings.max_tokens}; "
                f"the model takes {self._context_tokens} together.",
                hint="Ask in fewer words, or lower max_tokens.",
                param="messages",
            )

    def _write(self, draft: _Draft) -> None:
        request = draft.request
        for piece in self._causal_model.write(draft.prompt, request.settings, adapter=request.adapter, is_cancelled=draft.is_left.is_set):
            draft.hand_over(piece)


def _name(source: str) -> str:
    """Return a folder's name with the fingerprint of the model in it, or the hub's own name."""
    folder = Path(source)
    return f"{folder.name}@{model_fingerprint(folder)}" if folder.is_dir() else source
