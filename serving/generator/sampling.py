"""Drawing the next token."""

import torch

_COLDEST = 1e-5
"""Below it dividing by the temperature overflows, and the likeliest token is all that is ever drawn."""


def draw_token(logits: torch.Tensor, *, temperature: float, top_p: float, random: torch.Generator) -> int:
    """Return a token's id.

    Temperature 0, or next to it, takes the likeliest, the first of equals. Else the token is drawn from the likeliest tokens that together
    have the probability ``top_p`` (Holtzman et al., 2020, nucleus sampling); the likeliest is always among them.

    Args:
        logits: shape (vocabulary,), any float dtype.
        temperature: logits are divided by it.
        top_p: in (0, 1].
        random: on the CPU, so that a seed gives the same draws on every device.
    """
    if temperature < _COLDEST:
        return int(logits.argmax())
    probabilities, ids = torch.softmax(logits.float().cpu() / temperature, dim=-1).sort(descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = probabilities.masked_fill(before >= top_p, 0.0)
    return int(ids[torch.multinomial(kept, 1, generator=random)])
