"""Two small models for all tests of the commands."""

from pathlib import Path

import pytest

from tests.networks.small import camchex


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of two seeds, which tests only read."""
    folder = tmp_path_factory.mktemp("models")
    camchex().save_pretrained(folder / "seed0")
    camchex(regions=4).save_pretrained(folder / "seed1")
    return folder
