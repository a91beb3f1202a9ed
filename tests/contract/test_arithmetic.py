"""Which variables are dropped, kept and set, and that the libraries obey those that are set."""

import os
import platform
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core._multiarray_umath import __cpu_features__
from threadpoolctl import threadpool_info

from camchex.contract import arithmetic
from camchex.contract.arithmetic import LIBRARIES, SETTINGS, is_pinned, pinned
from camchex.contract.params import load
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.profiles.profiles import locate, names
from camchex.runs.runtime import RuntimeParams

OF_THE_CALLER = (
    *("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_VERBOSE"),
    *("MKL_NUM_THREADS", "MKL_CBWR", "MKL_DYNAMIC", "TORCH_MKLDNN_MATMUL_MIN_DIM"),
    *("OMP_NUM_THREADS", "OMP_SCHEDULE", "GOMP_CPU_AFFINITY"),
    *("OPENBLAS_L2_SIZE", "OPENBLAS_CORETYPE", "GOTO_NUM_THREADS"),
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "ARROW_USER_SIMD_LEVEL"),
)
ENVIRONMENTS = st.dictionaries(
    st.one_of(
        st.sampled_from(OF_THE_CALLER),
        st.builds(str.__add__, st.sampled_from(LIBRARIES), st.from_regex("[A-Z_]{0,9}")),
        st.from_regex("[A-Z_]{1,9}", fullmatch=True),
    ),
    st.text(max_size=5),
)


@pytest.mark.parametrize("name", OF_THE_CALLER)
def test_what_the_caller_set_of_these_libraries_is_dropped(name: str) -> None:
    assert pinned({name: "the caller's"}) == SETTINGS


def test_what_the_caller_set_of_others_is_kept() -> None:
    others = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    others |= {"MY_OMP_NUM_THREADS": "3", "omp_num_threads": "3"}
    assert pinned(others) == others | SETTINGS


@given(ENVIRONMENTS)
@settings(max_examples=30)
def test_any_environment_is_pinned_once_and_for_all(environment: dict[str, str]) -> None:
    before = dict(environment)
    once = pinned(environment)
    assert environment == before
    assert pinned(once) == once
    assert {name: once[name] for name in SETTINGS} == SETTINGS
    kept = {name: value for name, value in once.items() if name not in SETTINGS}
    assert kept.items() <= environment.items()
    assert not any(name.startswith(LIBRARIES) for name in kept)
    assert all(name.startswith(LIBRARIES) for name in environment.keys() - once.keys())


def test_a_process_is_pinned_until_one_variable_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert is_pinned()
    monkeypatch.setenv("UNRELATED", "1")
    assert is_pinned()
    for name, value in (("OMP_NUM_THREADS", "2"), ("OPENBLAS_L2_SIZE", "1")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert not is_pinned()
    with monkeypatch.context() as patch:
        patch.delenv("MKL_CBWR")
        assert not is_pinned()


def test_what_scikit_learn_sets_when_it_is_imported_is_no_arithmetic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Source: ``__init__.py`` of scikit-learn 1.9, and threadpoolctl, which it imports."""
    monkeypatch.setenv("KMP_DUPLICATE_LIB_OK", "True")
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    assert is_pinned()


def test_pinning_drops_sets_and_keeps_in_the_process_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"OPENBLAS_L2_SIZE": "1", "OMP_NUM_THREADS": "3", "UNRELATED": "1"}
    monkeypatch.setattr(os, "environ", found)
    arithmetic.pin()
    assert found == {"UNRELATED": "1", **SETTINGS}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets of x86-64")
def test_every_library_says_itself_that_it_obeys() -> None:
    """A variable that a later version no longer reads would be no setting at all."""
    assert torch.backends.cpu.get_cpu_capability() == "AVX2"
    assert pa.runtime_info().simd_level == "avx2"
    disabled = SETTINGS["NPY_DISABLE_CPU_FEATURES"].split()
    assert not any(__cpu_features__[name] for name in disabled)
    pools = threadpool_info()
    assert {pool["num_threads"] for pool in pools} == {1}
    blas = [pool for pool in pools if pool["internal_api"] == "openblas"]
    assert {pool["architecture"] for pool in blas} == {"Haswell"}


@pytest.mark.parametrize("name", names())
def test_parameters_of_before_load_and_are_portable(name: str, tmp_path: Path) -> None:
    params = read_yaml(locate(name))
    params["runtime"].pop("portable", None)
    path = tmp_path / "params.yaml"
    path.write_text(yaml_text(params))
    assert load("runtime", RuntimeParams, path).portable
