"""What ``import camchex`` offers by name."""

import subprocess
import sys
from pathlib import Path

import pytest

import camchex

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_TORCH = (
    "ImageStore",
    "average_precision",
    "clean_indication",
    "link_vitals",
    "read_labels",
    "roc_auc",
    "split_sections",
)


@pytest.mark.parametrize("name", camchex.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(camchex, name).__name__ == name
    assert name in dir(camchex)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="dreams"):
        camchex.dreams  # noqa: B018


def test_functions_over_tables_import_no_torch() -> None:
    names = ", ".join(WITHOUT_TORCH)
    script = (
        f"import sys; from camchex import {names}; assert 'torch' not in sys.modules; "
        "from camchex import MLDecoder; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
