"""models/capability.py: a CPU counts as one with bf16 only where oneDNN may use the instructions, and records say
which."""

import pytest
import torch

from models import capability
from models.capability import cpu_multiplies_bf16, cpu_name


@pytest.fixture(params=[True, False], ids=["has bf16", "has none"])
def hardware(request, monkeypatch):
    """A CPU with or without the instructions, and no limit set."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: request.param)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    return request.param


def test_hardware_decides_where_no_limit_is_set(hardware):
    assert cpu_multiplies_bf16() == hardware


@pytest.mark.parametrize("name", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize("limit", ["AVX2", "avx512_core_vnni", "AVX512_CORE"])
def test_a_limit_below_the_instructions_takes_them_away(hardware, monkeypatch, name, limit):
    monkeypatch.setenv(name, limit)
    assert not cpu_multiplies_bf16()


@pytest.mark.parametrize("limit", ["AVX512_CORE_BF16", "AVX512_CORE_AMX", "DEFAULT", ""])
def test_a_limit_above_them_changes_nothing(hardware, monkeypatch, limit):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert cpu_multiplies_bf16() == hardware


def test_the_record_names_processor_isa_and_how_bf16_is_had(hardware):
    isa = torch.backends.cpu.get_cpu_capability()
    expected = {"processor": cpu_name(), "isa": isa, "bf16": "native" if hardware else "emulated"}
    assert capability.capability("cpu", "bf16") == expected and cpu_name()
    assert capability.capability("cpu", "fp32") == expected | {"bf16": "unused"}
