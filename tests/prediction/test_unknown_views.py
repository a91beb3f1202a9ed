"""Image files without a view: decided by the classifier beside the model, or refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from camchex.contract.image_store import ImagePreparation
from camchex.errors import DataError
from camchex.prediction.one_study import StudyInput
from camchex.prediction.unknown_views import describe, look_at_images
from camchex.views.view_classifier import (
    SHAPES,
    SIDE,
    ViewClassifier,
    ViewClassifierConfig,
    beside,
    read_view_classifier,
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
    levels = 54 + np.arange(80 * 60).reshape(80, 60) % 13  # mean 60; few levels show nothing
    levels[:40] += top
    levels[:, :30] += left
    Image.fromarray(levels.astype(np.uint8)).save(path)
    return path


def top_bottom_classifier(tmp_path: Path, confidence: float = 0.9) -> ViewClassifier:
    write_top_bottom_classifier(tmp_path / "models/fusion/seed0", confidence)
    classifier = read_view_classifier(beside(tmp_path / "models/fusion/seed0"))
    assert classifier is not None
    return classifier


@pytest.fixture
def classifier(tmp_path: Path) -> ViewClassifier:
    return top_bottom_classifier(tmp_path)


@pytest.mark.parametrize("again", ["a.png", "./b/../a.png", "link.png"])
def test_an_image_given_twice_is_refused(
    again: str, classifier: ViewClassifier, tmp_path: Path
) -> None:
    first = picture(tmp_path / "a.png", 100)
    (tmp_path / "b").mkdir()
    (tmp_path / "link.png").symlink_to(first)
    paths = [first, tmp_path / again]
    with pytest.raises(DataError, match=r"a\.png|link\.png: given twice, also as .*a\.png"):
        look_at_images(paths, classifier, PREPARATION)
    with pytest.raises(DataError, match="given twice"):
        StudyInput([(paths[0], "frontal"), (paths[1], "lateral")])


def test_the_view_is_that_of_the_classifier(classifier: ViewClassifier, tmp_path: Path) -> None:
    above, below = picture(tmp_path / "above.png", 100), picture(tmp_path / "below.png", -40)
    seen = look_at_images([above, below], classifier, PREPARATION)
    assert [one.view for one in seen.values()] == ["lateral", "frontal"]
    assert all(one.confidence >= 0.9 and not one.oddities for one in seen.values())
    first, second = describe(seen, classifier)
    assert first.startswith(f"{above}: lateral, with probability 1.000; right for at least 98.4%")
    assert second.startswith(f"{below}: frontal, with probability 0.993")


def test_an_image_that_looks_inverted_is_named(classifier: ViewClassifier, tmp_path: Path) -> None:
    left = picture(tmp_path / "left.png", 0, left=100)
    (line,) = describe(look_at_images([left], classifier, PREPARATION), classifier)
    assert line.endswith("It looks inverted: look at it")


def test_a_view_that_is_not_clear_is_refused(tmp_path: Path) -> None:
    classifier = top_bottom_classifier(tmp_path, confidence=0.999)
    below = picture(tmp_path / "below.png", -40)
    with pytest.raises(
        DataError, match=r"below\.png: .*frontal has probability 0\.993, less than 0\.999"
    ):
        look_at_images([below], classifier, PREPARATION)


def test_without_a_classifier_a_view_must_be_given(tmp_path: Path) -> None:
    below = picture(tmp_path / "below.png", -40)
    assert look_at_images([], None, PREPARATION) == {}
    with pytest.raises(DataError, match=r"below\.png: .*no view classifier.*frontal or lateral"):
        look_at_images([below], None, PREPARATION)
