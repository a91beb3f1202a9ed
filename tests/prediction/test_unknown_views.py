"""Image files without a view: decided by the classifier beside the model, or refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from camchex.contract.image_store import ImagePreparation
from camchex.errors import DataError
from camchex.prediction.unknown_views import describe, look_at_images
from camchex.views.view_classifier import (
    SHAPES,
    SIDE,
    ViewClassifier,
    ViewClassifierConfig,
    beside,
    write_view_classifier,
)

PREPARATION = ImagePreparation(size=64, fit="stretch", jpeg_quality=95)


def write_top_bottom_classifier(model: Path, confidence: float = 0.9) -> None:
    """Write one that calls lateral what is brighter above, and inverted what is brighter left."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    rows, columns = np.divmod(np.arange(SIDE**2), SIDE)
    for unit, brighter in enumerate((rows < SIDE / 2, columns < SIDE / 2)):
        weights["hidden.weight"][:, unit] = np.where(brighter, 1, -1) / SIDE**2
        weights["output.weight"][unit, unit] = 20
    weights["output.bias"][:] = -5, -5, -5
    config = ViewClassifierConfig(confidence=confidence, accuracy={"lateral": 0.984})
    write_view_classifier(ViewClassifier(weights, config), beside(model))


def picture(path: Path, top: int, left: int = 0) -> Path:
    """An image with grey levels added above, and at the left."""
    levels = np.full((80, 60), 60, np.uint8)
    levels[:40] += np.uint8(top)
    levels[:, :30] += np.uint8(left)
    Image.fromarray(levels).save(path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_top_bottom_classifier(tmp_path / "models/fusion/seed0")
    return tmp_path / "models/fusion/seed0"


def test_the_view_is_that_of_the_classifier(model: Path, tmp_path: Path) -> None:
    above, flat = picture(tmp_path / "above.png", 100), picture(tmp_path / "flat.png", 0)
    seen = look_at_images([above, flat], model, PREPARATION)
    assert [one.view for one in seen.values()] == ["lateral", "frontal"]
    assert all(one.confidence >= 0.9 and not one.oddities for one in seen.values())
    first, second = describe(seen, model)
    assert first.startswith(f"{above}: lateral, with probability 1.000; right for at least 98.4%")
    assert second.startswith(f"{flat}: frontal, with probability 0.993")


def test_an_image_that_looks_inverted_is_named(model: Path, tmp_path: Path) -> None:
    left = picture(tmp_path / "left.png", 0, left=100)
    (line,) = describe(look_at_images([left], model, PREPARATION), model)
    assert line.endswith("It looks inverted: look at it")


def test_a_view_that_is_not_clear_is_refused(model: Path, tmp_path: Path) -> None:
    write_top_bottom_classifier(model, confidence=0.999)
    flat = picture(tmp_path / "flat.png", 0)
    with pytest.raises(
        DataError, match=r"flat\.png: .*frontal has probability 0\.993, less than 0\.999"
    ):
        look_at_images([flat], model, PREPARATION)


def test_without_a_classifier_a_view_must_be_given(tmp_path: Path) -> None:
    flat = picture(tmp_path / "flat.png", 0)
    model = tmp_path / "models/fusion/seed0"
    assert look_at_images([], model, PREPARATION) == {}
    for _ in range(2):
        with pytest.raises(DataError, match=r"flat\.png: .*no classifier.*frontal or lateral"):
            look_at_images([flat], model, PREPARATION)
        write_view_classifier(None, beside(model))  # what the stage writes where it is off
