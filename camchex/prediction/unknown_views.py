"""The view of image files that come without one, by the view classifier of a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from camchex.contract.image_store import ImagePreparation
from camchex.errors import DataError
from camchex.images.jpeg import prepared_pixels
from camchex.views.view_classifier import Seen, ViewClassifier

SAY_IT = "Say its view: frontal or lateral."


def look_at_images(
    paths: Sequence[Path], classifier: ViewClassifier | None, preparation: ImagePreparation
) -> dict[Path, Seen]:
    """Decide the view of image files, or refuse.

    Args:
        paths: JPEG, PNG or DICOM files.
        classifier: That of the model; None: it has none.
        preparation: Size, fit and quality of the images of the model's training.

    Raises:
        DataError: If there is no classifier, an image is given twice or cannot be read, or its view
            is not clear.
    """
    require_once(paths)
    if paths and classifier is None:
        raise DataError(
            f"{paths[0]}: no view is given, and the model has no view classifier to decide it "
            f"(views.classifier was false in its training). {SAY_IT}"
        )
    return {path: _look(classifier, path, preparation) for path in paths if classifier}


def require_once(paths: Sequence[Path]) -> None:
    """Check that no file is given twice, by whatever path: the model would see it as two images.

    Raises:
        DataError: Naming the two paths.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            file = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a link to itself; a zero byte
            raise DataError(f"{path}: {error}") from error
        if file in found:
            raise DataError(f"{path}: given twice, also as {found[file]}. Give each image once.")
        found[file] = path


def _look(classifier: ViewClassifier, path: Path, preparation: ImagePreparation) -> Seen:
    seen = classifier.look(prepared_pixels(path, preparation, classifier=classifier))
    if not seen.is_sure:
        raise DataError(
            f"{path}: no view is given, and none is clear: {seen.view} has probability "
            f"{seen.confidence:.3f}, less than {classifier.config.confidence}. {SAY_IT}"
        )
    return seen


def describe(seen: Mapping[Path, Seen], classifier: ViewClassifier | None) -> list[str]:
    """Say for people what was seen, one line an image, and how often this is right."""
    least = classifier.config.accuracy.get("lateral") if classifier else None
    known = "" if least is None else f"; right for at least {least:.1%} of the development images"
    return [
        f"{path}: {one.view}, with probability {one.confidence:.3f}{known}"
        + "".join(f". It looks {trait}: look at it" for trait in one.oddities)
        for path, one in seen.items()
    ]
