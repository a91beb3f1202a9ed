"""An X-ray file as a store keeps it: decoded, made square, encoded."""

from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camchex.contract.image_store import ImagePreparation
from camchex.images.decode import read_image
from camchex.images.resize import fit_square, sufficient_side
from camchex.images.stored_image import StoredImage, stored_image
from camchex.images.unreadable import Notes


def prepared_image(path: Path, params: ImagePreparation, notes: Notes | None = None) -> StoredImage:
    """Prepare a file for a store: grey, ``params.size`` pixels on either side, encoded.

    Args:
        path: A JPEG, PNG or DICOM file.
        params: Size, fit and quality.
        notes: Decisions on an image that contradicts itself are appended here.

    Raises:
        UnreadableImage: If the file holds no image that can be used.
    """
    image = read_image(path, sufficient_side(params.size), notes)
    return stored_image(fit_square(image, params.size, params.fit), params.jpeg_quality)


def prepared_pixels(
    path: Path, params: ImagePreparation, notes: Notes | None = None
) -> NDArray[np.uint8]:
    """Prepare one file as the images of a store are: the network reads equal bytes.

    Args:
        path: A JPEG, PNG or DICOM file.
        params: Size, fit and quality, as in the training.
        notes: Decisions on an image that contradicts itself are appended here.

    Returns:
        Grey levels, (size, size).

    Raises:
        UnreadableImage: If the file holds no image that can be used.
    """
    jpeg = prepared_image(path, params, notes).jpeg
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg, "GRAY")
    return pixels[..., 0]
