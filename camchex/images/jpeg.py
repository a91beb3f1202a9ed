"""What a worker does to a file: decode, resize, encode."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from camchex.contract.image_store import ImageParams
from camchex.images.decode import read_image
from camchex.images.resize import fit
from camchex.images.unreadable import UnreadableImage

Outcome = bytes | UnreadableImage


def looked_at(paths: Sequence[Path], params: ImageParams) -> list[tuple[str, Outcome]]:
    """The stamp of each file, and what became of it; see :func:`prepared_jpeg`."""
    cv2.setNumThreads(1)  # the processes are the parallelism
    return [(stamp(path), prepared_jpeg(path, params)) for path in paths]


def stamp(path: Path) -> str:
    """What changes when a file is replaced: its size and time of change; empty if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def prepared_jpeg(path: Path, params: ImageParams) -> Outcome:
    """A file as the JPEG that a store keeps, or why there is none.

    The trouble is returned, not raised: one bad file among 377,110 is counted, not fatal.
    """
    try:
        image = read_image(path, at_least=params.size)
    except UnreadableImage as trouble:
        return trouble
    square = np.ascontiguousarray(fit(image, params.size, params.fit))[..., None]
    jpeg: bytes = simplejpeg.encode_jpeg(
        square, quality=params.jpeg_quality, colorspace="GRAY", colorsubsampling="Gray"
    )
    return jpeg
