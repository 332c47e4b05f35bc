import pytest

from footnote.core.errors import InvalidSettings
from retrieval.embedder.hardware import CudaDevice, Hardware, choose_device, choose_dtype, cuda_device, probe

GIB = 2**30
BARE = Hardware(cuda=(), torch_has_cuda=False, has_mps=False, cpu_has_bfloat16=False)
SAPPHIRE = Hardware(cuda=(), torch_has_cuda=True, has_mps=False, cpu_has_bfloat16=True)
TURING = Hardware(cuda=(CudaDevice("T4", (7, 5), 15 * GIB),), torch_has_cuda=True, has_mps=False, cpu_has_bfloat16=True)
AMPERE = Hardware(
    cuda=(CudaDevice("A100", (8, 0), 80 * GIB), CudaDevice("T4", (7, 5), 15 * GIB)),
    torch_has_cuda=True,
    has_mps=False,
    cpu_has_bfloat16=False,
)
APPLE = Hardware(cuda=(), torch_has_cuda=False, has_mps=True, cpu_has_bfloat16=False)


@pytest.mark.parametrize(
    ("hardware", "device", "dtype"),
    [
        (BARE, "cpu", "float32"),
        (SAPPHIRE, "cpu", "bfloat16"),
        (TURING, "cuda", "float32"),
        (AMPERE, "cuda", "bfloat16"),
        (APPLE, "mps", "float32"),
    ],
)
def test_auto(hardware, device, dtype):
    assert choose_device("auto", hardware) == device
    assert choose_dtype("auto", device, hardware) == dtype


def test_what_is_wanted_is_taken():
    assert choose_device("cpu", AMPERE) == "cpu"
    assert choose_device("cuda:1", AMPERE) == "cuda:1"
    assert choose_dtype("auto", "cuda:0", AMPERE) == "bfloat16"
    assert choose_dtype("auto", "cuda:1", AMPERE) == "float32", "each GPU has its own capability"
    assert choose_dtype("auto", "cpu", AMPERE) == "float32"
    assert choose_dtype("float16", "cpu", BARE) == "float16"


@pytest.mark.parametrize(
    ("device", "hardware"), [("cuda", BARE), ("cuda:0", APPLE), ("cuda:2", AMPERE), ("cuda:x", AMPERE), ("mps", AMPERE), ("tpu", AMPERE)]
)
def test_a_device_that_is_not_there(device, hardware):
    with pytest.raises(InvalidSettings, match=device):
        choose_device(device, hardware)


@pytest.mark.parametrize(("hardware", "why"), [(BARE, "built for CPUs only"), (SAPPHIRE, "nvidia-smi"), (TURING, "torch sees 1")])
def test_why_a_gpu_is_not_seen(hardware, why):
    with pytest.raises(InvalidSettings, match=why):
        choose_device("cuda:1", hardware)


def test_a_device_means_one_gpu():
    assert [gpu and gpu.name for gpu in (cuda_device(name, AMPERE) for name in ("cuda", "cuda:0", "cuda:1", "cuda:2", "cpu"))] == [
        "A100",
        "A100",
        "T4",
        None,
        None,
    ]


def test_this_machine_can_be_looked_at():
    hardware = probe()
    assert choose_dtype("auto", choose_device("auto", hardware), hardware) in ("float32", "bfloat16")
