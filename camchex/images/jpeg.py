"""An X-ray file as a store keeps it: decoded, made square, encoded."""

from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camchex.contract.image_store import ImagePreparation
from camchex.images.decode import read_image
from camchex.images.resize import fit_square, sufficient_side
from camchex.images.stored_image import StoredImage, stored_image
from camchex.images.unreadable import Note, Notes
from camchex.views.view_classifier import ViewClassifier


def prepared_image(
    path: Path,
    params: ImagePreparation,
    notes: Notes | None = None,
    classifier: ViewClassifier | None = None,
) -> StoredImage:
    """Prepare a file for a store: grey, ``params.size`` pixels on either side, encoded.

    Args:
        path: A JPEG, PNG or DICOM file.
        params: Size, fit and quality.
        notes: Decisions on an image that contradicts itself are appended here.
        classifier: Decides, where it is sure, whether grey values are inverted of which a DICOM
            header says both; None: photometric interpretation is followed.

    Raises:
        UnreadableImage: If the file holds no image that can be used.
    """
    notes = Notes() if notes is None else notes
    image = read_image(path, sufficient_side(params.size), notes)
    square = fit_square(image, params.size, params.fit)
    if classifier and Note.PRESENTATION in notes:
        inverted = classifier.is_inverted(square)
        if inverted is not None:
            notes[notes.index(Note.PRESENTATION)] = Note.PRESENTATION_SEEN
            square = 255 - square if inverted else square
    return stored_image(square, params.jpeg_quality)


def prepared_pixels(
    path: Path,
    params: ImagePreparation,
    notes: Notes | None = None,
    classifier: ViewClassifier | None = None,
) -> NDArray[np.uint8]:
    """Prepare one file as the images of a store are: the network reads equal bytes.

    Args:
        path: A JPEG, PNG or DICOM file.
        params: Size, fit and quality, as in the training.
        notes: Decisions on an image that contradicts itself are appended here.
        classifier: As of :func:`prepared_image`.

    Returns:
        Grey levels, (size, size).

    Raises:
        UnreadableImage: If the file holds no image that can be used.
    """
    jpeg = prepared_image(path, params, notes, classifier).jpeg
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg, "GRAY")
    return pixels[..., 0]
