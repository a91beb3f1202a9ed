"""A photograph in colours is told from an X-ray, which has one tint at most.

An X-ray is grey, or, as a photograph of a film at a light box, of one tint: its colour follows from
its grey level. ``benchmarks/no_chest.py`` measures this rule, and those that were not kept.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from camchex.errors import DataError

SIDE = 64  # pixels of the square that is looked at: hues are of large areas
GREY_MODES = {"1", "L", "LA", "I", "I;16", "F"}  # of Pillow
MOST = 20.0  # grey levels: above all tinted X-rays of the benchmark, below most photographs


class PhotographError(DataError):
    """An image has several hues, as no X-ray has."""


def require_one_tint(path: Path) -> None:
    """Refuse a JPEG or PNG file in colours; DICOM files have headers to be judged by.

    Raises:
        PhotographError: If its colours are not those of one tint.
    """
    if hues(path) > MOST:
        raise PhotographError(f"{path}: in several colours, as no X-ray is")


def hues(path: Path) -> float:
    """How far the colours of a file are from one tint: root mean square, in grey levels.

    Of each pixel, the differences of red and blue to green are compared with what their least
    squares fit by a parabola of the grey level says. 0 if the image is grey, or no JPEG or PNG.
    """
    if not path.is_file():  # a pipe would be waited for
        return 0.0
    try:
        with Image.open(path, formats=["JPEG", "PNG"]) as image:
            if image.mode in GREY_MODES:
                return 0.0
            image.draft(
                "RGB", (4 * SIDE, 4 * SIDE)
            )  # decodes a large JPEG at a fraction of its size
            small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError):  # other readers may manage, and say why not
        return 0.0
    red, green, blue = np.asarray(small, np.float64).reshape(-1, 3).T
    grey = (red + green + blue) / 3
    differences = np.stack([red - green, blue - green], axis=1)
    parabola = np.vander(grey / 255, 3)
    fitted = parabola @ np.linalg.lstsq(parabola, differences, rcond=None)[0]
    return float(np.sqrt(np.square(differences - fitted).sum(axis=1).mean()))
