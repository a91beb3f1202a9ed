"""What ``camchex.models`` offers by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from camchex import models
from camchex.models import MLDecoder, loss, ml_decoder, weighted_asymmetric_loss

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_is_that_of_its_module() -> None:
    assert MLDecoder is ml_decoder.MLDecoder
    assert weighted_asymmetric_loss is loss.weighted_asymmetric_loss
    for name in models.__all__:
        assert getattr(models, name).__name__ == name


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="dreams"):
        models.dreams  # type: ignore[attr-defined] # noqa: B018


def test_parameters_are_read_without_torch() -> None:
    script = (
        "import sys, camchex.models.params; assert 'torch' not in sys.modules; "
        "from camchex.models import MLDecoder; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
