"""What every test shares: no network, and real data where it is present."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

from pathlib import Path

import numpy as np  # noqa: F401 - here, a notice about features that the processor lacks is no error
import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Open data beside the checkout; a test that needs it is skipped where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no open data at {REAL_DATA}")
    return REAL_DATA
