"""Training of the view classifier: examples of every trait, made from images of known view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from camchex.views.view_classifier import HIDDEN, SHAPES, SIDE, Floats, Pixels, standardised

SEED = 0
READ_SIDE = 64  # pixels of either side of an image that is yet to be cropped
ROUNDS, PER_VIEW = 12, 1000  # images of each view in each round, drawn with replacement
LEAST_CROP = 0.9  # of either side
GAMMA = (0.6, 1.6)  # exponent of the grey values, from 0 to 1
DECAY = 0.01  # L2 penalty on the weights, as scikit-learn counts it
BATCH = 64

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """Images whose view is known: grey squares (N, S, S), and which are lateral, (N,)."""

    squares: Pixels
    lateral: Bools


def train_classifier(known: Known) -> dict[str, Floats]:
    """Train on as many images of either view, each cropped, mirrored and its contrast changed.

    The cost does not depend on the number of images. Both views must be there.

    Returns:
        Weights by the names of ``SHAPES``; equal images give equal bytes.
    """
    from sklearn.neural_network import MLPClassifier  # slow to import, and mostly switched off

    draw = np.random.default_rng(SEED)
    network = MLPClassifier((HIDDEN,), alpha=DECAY, batch_size=BATCH, random_state=SEED)
    by_view = [np.flatnonzero(known.lateral == lateral) for lateral in (False, True)]
    for _ in range(ROUNDS):
        rows = np.concatenate([draw.choice(places, PER_VIEW) for places in by_view])
        squares = np.stack([_varied(known.squares[row], draw) for row in rows])
        examples, traits = with_every_trait(Known(squares, known.lateral[rows]))
        network.partial_fit(standardised(examples), traits, classes=np.arange(traits.shape[1]))
    layers = zip(network.coefs_, network.intercepts_, strict=True)
    return dict(zip(SHAPES, (part for layer in layers for part in layer), strict=True))


def with_every_trait(known: Known) -> tuple[Pixels, NDArray[np.int64]]:
    """Repeat N images as they are, inverted, on their heads, and both: (4 N, S, S).

    Returns:
        The images, and which of ``TRAITS`` each has, 1 or 0, (4 N, 3).
    """
    turned = known.squares[:, ::-1, ::-1]
    squares = np.concatenate([known.squares, 255 - known.squares, turned, 255 - turned])
    number = len(known.lateral)
    inverted, upside_down = np.repeat([0, 1, 0, 1], number), np.repeat([0, 0, 1, 1], number)
    return squares, np.stack([np.tile(known.lateral, 4), inverted, upside_down], axis=1)


def _varied(image: Pixels, draw: np.random.Generator) -> Pixels:
    """Crop an image to the network's side, mirror it in half of the cases, change its contrast."""
    side = len(image)
    width, height = draw.uniform(LEAST_CROP, 1, 2) * side
    left, top = draw.random() * (side - width), draw.random() * (side - height)
    box = (left, top, left + width, top + height)
    resized = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX, box=box)
    found = np.asarray(resized)[:, :: -1 if draw.random() < 0.5 else 1]  # noqa: PLR2004 - a half
    return np.rint(255 * (found / 255) ** draw.uniform(*GAMMA)).astype(np.uint8)
