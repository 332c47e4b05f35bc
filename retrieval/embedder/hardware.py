"""Which device and number format to compute in: probes of the machine, and the pure decisions taken on what they find."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch

from footnote.core.errors import InvalidSettings

DtypeName = Literal["float32", "bfloat16", "float16"]

_BFLOAT16_CAPABILITY = (8, 0)
"""CUDA compute capability from which bfloat16 is computed in hardware (Ampere); older ones emulate it."""


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """A GPU that torch can use.

    Args:
        name: as its maker says it.
        capability: its compute capability.
        memory_bytes: its memory, whoever uses it.
    """

    name: str
    capability: tuple[int, int]
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """What this machine has.

    Args:
        cuda: the CUDA devices, by number.
        torch_has_cuda: whether torch was built for CUDA: without it a GPU stays unseen.
        has_mps: whether Apple's GPU can be used.
        cpu_has_bfloat16: whether the CPU multiplies bfloat16 itself (AVX512-BF16 or AMX-BF16). Without it bfloat16 is slower than float32.
    """

    cuda: tuple[CudaDevice, ...]
    torch_has_cuda: bool
    has_mps: bool
    cpu_has_bfloat16: bool


def probe() -> Hardware:
    """Look at this machine."""
    return Hardware(
        cuda=tuple(_cuda_device(number) for number in range(torch.cuda.device_count())) if torch.cuda.is_available() else (),
        torch_has_cuda=torch.version.cuda is not None,
        has_mps=torch.backends.mps.is_available(),
        cpu_has_bfloat16=torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported(),  # noqa: SLF001  # torch has no public word for it  # pyright: ignore[reportPrivateUsage]
    )


def choose_device(wanted: str, hardware: Hardware) -> str:
    """Return the device to use: what is wanted, or for ``auto`` CUDA before Apple's GPU before the CPU.

    Raises:
        InvalidSettings: the device that is wanted is not there; the message says why it is not seen.
    """
    if wanted == "auto":
        if hardware.cuda:
            return "cuda"
        return "mps" if hardware.has_mps else "cpu"
    there = {"cpu": True, "cuda": cuda_device(wanted, hardware) is not None, "mps": hardware.has_mps}
    if not there.get(wanted.split(":", 1)[0], False):
        raise InvalidSettings(
            f"There is no device `{wanted}` on this machine{_why(wanted, hardware)}.", hint="Use `auto` or `cpu`.", param="embedder.device"
        )
    return wanted


def cuda_device(device: str, hardware: Hardware) -> CudaDevice | None:
    """Return the GPU that ``cuda`` or ``cuda:1`` means, or None where it is not there or another device is meant."""
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdecimal() or int(number or "0") >= len(hardware.cuda):
        return None
    return hardware.cuda[int(number or "0")]


def choose_dtype(wanted: str, device: str, hardware: Hardware) -> DtypeName:
    """Return the number format: what is wanted, or for ``auto`` bfloat16 where the hardware computes in it, else float32."""
    match wanted:
        case "float32" | "bfloat16" | "float16":
            return wanted
        case "auto":
            gpu = cuda_device(device, hardware)
            on_cuda = gpu is not None and gpu.capability >= _BFLOAT16_CAPABILITY
            on_cpu = device.split(":", 1)[0] == "cpu" and hardware.cpu_has_bfloat16
            return "bfloat16" if on_cuda or on_cpu else "float32"
        case _:
            raise InvalidSettings(f"There is no number format `{wanted}`.", param="embedder.dtype")


def _cuda_device(number: int) -> CudaDevice:
    properties = cast("Any", torch.cuda.get_device_properties(number))  # the stubs of torch do not know its type
    return CudaDevice(name=properties.name, capability=(properties.major, properties.minor), memory_bytes=properties.total_memory)


def _why(wanted: str, hardware: Hardware) -> str:
    if not wanted.startswith("cuda"):
        return ""
    if hardware.cuda:
        return f": torch sees {len(hardware.cuda)}, from cuda:0 on"
    if not hardware.torch_has_cuda:
        return ": this torch was built for CPUs only"
    return ": torch sees no GPU, so look at the driver, at `nvidia-smi`, and in a container at its runtime"
