"""An X-ray file as a store keeps it: decoded, made square, encoded."""

from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camchex.contract.image_store import ImagePreparation
from camchex.images.decode import read_image
from camchex.images.resize import fit_square


def prepared_jpeg(path: Path, params: ImagePreparation) -> bytes:
    """Encode a file as the grey JPEG that a store keeps, ``params.size`` pixels on either side.

    Raises:
        UnreadableImage: If the file holds no image that can be used.
    """
    image = read_image(path, at_least=params.size)
    square = np.ascontiguousarray(fit_square(image, params.size, params.fit))[..., None]
    jpeg: bytes = simplejpeg.encode_jpeg(
        square, quality=params.jpeg_quality, colorspace="GRAY", colorsubsampling="Gray"
    )
    return jpeg


def prepared_pixels(path: Path, params: ImagePreparation) -> NDArray[np.uint8]:
    """Prepare one file as the images of a store are: the network reads equal bytes.

    Args:
        path: A JPEG, PNG or DICOM file.
        params: Size, fit and quality, as in the training.

    Returns:
        Grey levels, (size, size).

    Raises:
        UnreadableImage: If the file holds no image that can be used.
    """
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(prepared_jpeg(path, params), "GRAY")
    return pixels[..., 0]
