import pytest

from footnote.core.errors import InvalidSettings
from retrieval.embedder.hardware import Hardware, choose_device, choose_dtype, probe

BARE = Hardware(cuda_capability=None, has_mps=False, cpu_has_bfloat16=False)
SAPPHIRE = Hardware(cuda_capability=None, has_mps=False, cpu_has_bfloat16=True)
TURING = Hardware(cuda_capability=(7, 5), has_mps=False, cpu_has_bfloat16=True)
AMPERE = Hardware(cuda_capability=(8, 0), has_mps=False, cpu_has_bfloat16=False)
APPLE = Hardware(cuda_capability=None, has_mps=True, cpu_has_bfloat16=False)


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
    assert choose_dtype("auto", "cuda:1", AMPERE) == "bfloat16"
    assert choose_dtype("auto", "cpu", AMPERE) == "float32"
    assert choose_dtype("float16", "cpu", BARE) == "float16"


@pytest.mark.parametrize(("device", "hardware"), [("cuda", BARE), ("cuda:0", APPLE), ("mps", AMPERE), ("tpu", AMPERE)])
def test_a_device_that_is_not_there(device, hardware):
    with pytest.raises(InvalidSettings, match=device):
        choose_device(device, hardware)


def test_this_machine_can_be_looked_at():
    hardware = probe()
    assert choose_dtype("auto", choose_device("auto", hardware), hardware) in ("float32", "bfloat16")
