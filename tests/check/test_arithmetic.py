"""The self-test of arithmetic: the recorded bytes here, and every departure named."""

import json
import os
import subprocess
import sys

import pytest

from camchex.check.arithmetic import OPERATIONS, RECORDED, compare, self_test
from camchex.contract import arithmetic
from camchex.estimate.operations import OPERATIONS as NAMED


def test_this_machine_computes_the_recorded_bytes_whatever_the_caller_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "3")
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    assert self_test() == ((), "")


def test_every_operation_is_recorded() -> None:
    assert list(json.loads(RECORDED.read_text())["digests"]) == list(NAMED)


def test_other_arithmetic_is_noticed() -> None:
    """torch's smallest instruction set rounds elsewhere: the self-test must see it."""
    done = subprocess.run(
        [sys.executable, "-m", OPERATIONS],
        env=arithmetic.pinned(os.environ) | {"ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        check=True,
    )
    found = compare(json.loads(done.stdout), json.loads(RECORDED.read_text()))
    assert {"softmax", "gelu", "training"} <= set(found.differs)


def test_another_version_of_torch_is_the_first_thing_to_look_at() -> None:
    recorded = {"digests": {"a": "1", "b": "2"}, "torch": "1.0", "numpy": "2.0"}
    here = {"digests": {"a": "1", "b": "3"}, "torch": "1.1", "numpy": "2.0"}
    found = compare(here, recorded)
    assert found.differs == ("b",)
    assert found.advice.startswith("torch is 1.1 here, 1.0 in the record. ")
