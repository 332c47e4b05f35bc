"""Which device and number format to compute in: probes of the machine, and the pure decisions taken on what they find."""

from dataclasses import dataclass
from typing import Literal

import torch

from footnote.core.errors import InvalidSettings

DtypeName = Literal["float32", "bfloat16", "float16"]

_BFLOAT16_CAPABILITY = (8, 0)
"""CUDA compute capability from which bfloat16 is computed in hardware (Ampere); older ones emulate it."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What this machine has.

    Args:
        cuda_capability: compute capability of the first CUDA device, or None without one.
        has_mps: whether Apple's GPU can be used.
        cpu_has_bfloat16: whether the CPU multiplies bfloat16 itself (AVX512-BF16 or AMX-BF16). Without it bfloat16 is slower than float32.
    """

    cuda_capability: tuple[int, int] | None
    has_mps: bool
    cpu_has_bfloat16: bool


def probe() -> Hardware:
    """Look at this machine."""
    return Hardware(
        cuda_capability=torch.cuda.get_device_capability() if torch.cuda.is_available() else None,
        has_mps=torch.backends.mps.is_available(),
        cpu_has_bfloat16=torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported(),  # noqa: SLF001  # torch has no public word for it  # pyright: ignore[reportPrivateUsage]
    )


def choose_device(wanted: str, hardware: Hardware) -> str:
    """Return the device to use: what is wanted, or for ``auto`` CUDA before Apple's GPU before the CPU.

    Raises:
        InvalidSettings: the device that is wanted is not there.
    """
    if wanted == "auto":
        if hardware.cuda_capability is not None:
            return "cuda"
        return "mps" if hardware.has_mps else "cpu"
    kind = wanted.split(":", 1)[0]
    there = {"cpu": True, "cuda": hardware.cuda_capability is not None, "mps": hardware.has_mps}.get(kind, False)
    if not there:
        raise InvalidSettings(f"There is no device `{wanted}` on this machine.", hint="Use `auto` or `cpu`.", param="embedder.device")
    return wanted


def choose_dtype(wanted: str, device: str, hardware: Hardware) -> DtypeName:
    """Return the number format: what is wanted, or for ``auto`` bfloat16 where the hardware computes in it, else float32."""
    match wanted:
        case "float32" | "bfloat16" | "float16":
            return wanted
        case "auto":
            kind = device.split(":", 1)[0]
            on_cuda = kind == "cuda" and hardware.cuda_capability is not None and hardware.cuda_capability >= _BFLOAT16_CAPABILITY
            on_cpu = kind == "cpu" and hardware.cpu_has_bfloat16
            return "bfloat16" if on_cuda or on_cpu else "float32"
        case _:
            raise InvalidSettings(f"There is no number format `{wanted}`.", param="embedder.dtype")
