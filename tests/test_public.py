"""What ``import camchex`` offers by name."""

import pytest

import camchex


@pytest.mark.parametrize("name", camchex.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(camchex, name).__name__ == name
    assert name in dir(camchex)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="dreams"):
        camchex.dreams  # noqa: B018
