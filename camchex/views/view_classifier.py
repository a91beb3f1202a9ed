"""The view classifier: one hidden layer over a grey square of 32 pixels, without torch.

It tells three traits of an image: whether it is lateral, whether its grey values are inverted
(bone dark), and whether it stands on its head. A network of three convolutions, of four times the
cost, was not better on real X-rays (docs/method.md). So the fast one is kept; it also runs where no
torch is loaded.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save, save_file
from scipy.special import expit

from camchex.contract import files
from camchex.contract.files import write_text
from camchex.contract.params import Section
from camchex.contract.schemas import View
from camchex.errors import ModelError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FOLDER = "view_classifier"
SIDE = 32  # pixels of either side of what the network reads
HIDDEN = 64  # values of the hidden layer
TRAITS = ("lateral", "inverted", "upside_down")
SHAPES = {
    "hidden.weight": (SIDE**2, HIDDEN),
    "hidden.bias": (HIDDEN,),
    "output.weight": (HIDDEN, len(TRAITS)),
    "output.bias": (len(TRAITS),),
}
EVEN = 0.5  # probability above which a trait is the likelier
CONTRAST = 1.0  # grey levels added to the standard deviation: a blank image stays near zero

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Confidence = Annotated[float, Field(gt=EVEN, lt=1)]


class ViewClassifierConfig(Section):
    """Content of a view classifier's ``config.json``."""

    traits: tuple[str, ...] = TRAITS
    side: int = SIDE
    confidence: Confidence | None = None  # least of a view that counts; None: not trained
    accuracy: Mapping[str, Probability | None] = {}  # of each trait on development images, or less


@dataclass(frozen=True)
class Seen:
    """What an image looks like.

    Attributes:
        view: The likelier view.
        confidence: Its probability, 0.5 to 1.
        is_sure: Whether that is enough to count.
        inverted: Probability that the grey values are inverted, so that bone is dark.
        upside_down: Probability that the image stands on its head.
    """

    view: View
    confidence: float
    is_sure: bool
    inverted: float
    upside_down: float

    @property
    def oddities(self) -> list[str]:
        """What an image probably is and should not be: ``inverted``, ``upside down``."""
        found = {"inverted": self.inverted, "upside down": self.upside_down}
        return [name for name, probability in found.items() if probability > EVEN]


@dataclass(frozen=True)
class ViewClassifier:
    """Trained weights by the names of ``SHAPES``, and what they are worth."""

    weights: Mapping[str, Floats]
    config: ViewClassifierConfig

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides what it says, in hexadecimal."""
        parts = [self.config.model_dump_json().encode(), save(dict(self.weights))]
        return hashlib.sha256(b"".join([*parts, Path(__file__).read_bytes()])).hexdigest()

    def probabilities(self, squares: Pixels) -> Floats:
        """Compute the probability of each of ``TRAITS``, (N, 3), for grey squares (N, 32, 32)."""
        own = self.weights
        hidden = np.maximum(standardised(squares) @ own["hidden.weight"] + own["hidden.bias"], 0)
        found: Floats = expit(hidden @ own["output.weight"] + own["output.bias"])
        return found

    def is_inverted(self, image: Pixels) -> bool | None:
        """Whether the grey values of an image (rows, columns) are inverted; None if not sure."""
        probability = self.look(image).inverted
        is_sure = max(probability, 1 - probability) >= (self.config.confidence or 1)
        return probability > EVEN if is_sure else None

    def look(self, image: Pixels) -> Seen:
        """Say what one grey image (rows, columns), stretched to a square, looks like."""
        lateral, inverted, upside_down = self.probabilities(square(image)[None])[0].tolist()
        confidence = max(lateral, 1 - lateral)
        least = self.config.confidence
        return Seen(
            view="lateral" if lateral > EVEN else "frontal",
            confidence=confidence,
            is_sure=least is not None and confidence >= least,
            inverted=inverted,
            upside_down=upside_down,
        )


def square(image: Pixels, side: int = SIDE) -> Pixels:
    """Average a grey image (rows, columns) to a square; in integers, so equal on every machine."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def standardised(squares: Pixels) -> Floats:
    """Turn squares (N, S, S) into rows (N, S * S) of mean 0 and standard deviation about 1."""
    rows = squares.reshape(len(squares), squares.shape[1] * squares.shape[2]).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= rows.std(axis=1, keepdims=True) + CONTRAST
    return rows


def write_view_classifier(classifier: ViewClassifier | None, folder: Path) -> None:
    """Write weights and ``config.json``; equal ones give equal bytes. None: only says "none"."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    if classifier:
        save_file(dict(classifier.weights), folder / WEIGHTS)
    config = classifier.config if classifier else ViewClassifierConfig()
    write_text(folder / CONFIG, config.model_dump_json(indent=2) + "\n")


def read_view_classifier(folder: Path) -> ViewClassifier | None:
    """Read what :func:`write_view_classifier` wrote; None where none was trained, or no folder.

    Raises:
        ModelError: If a file is missing, damaged, or of another version of camchex; if a weight is
            no number, or a probability of ``config.json`` is not from 0 to 1.
    """
    if not folder.exists():
        return None
    advice = "`dvc repro classify_views` makes it anew."
    try:
        config = ViewClassifierConfig.model_validate_json((folder / CONFIG).read_bytes())
        if config.confidence is None:
            return None
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValidationError, SafetensorError) as error:
        raise ModelError(f"{folder}: not a whole view classifier: {error}. {advice}") from error
    shapes = {name: array.shape for name, array in weights.items()}
    if (config.traits, config.side, shapes) != (TRAITS, SIDE, SHAPES):
        raise ModelError(f"{folder}: a view classifier of another version of camchex. {advice}")
    for name, array in weights.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelError(f"{folder}: {name} in {WEIGHTS} holds what is no number. {advice}")
    return ViewClassifier(weights, config)


def beside(model: Path) -> Path:
    """The folder of a model's view classifier: in its own, or where the pipeline puts it."""
    return files.beside(model, FOLDER, FOLDER)
