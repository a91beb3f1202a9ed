"""A reference study in a model folder: an invented study with the probabilities to be expected.

The study comes from the generator of the synthetic cohort with a fixed seed: it is no patient's,
and can be handed on with any model. Whoever receives the folder predicts it and compares.
"""

import hashlib
import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import Field, JsonValue, ValidationError

from camchex.contract import arithmetic
from camchex.contract.files import sha256, write_text
from camchex.contract.params import Section
from camchex.errors import ModelError, wrong_values
from camchex.export.onnx_file import FILE as ONNX
from camchex.export.onnx_file import INSTALL, READER, onnx_probabilities
from camchex.fusion.camchex import CaMChex
from camchex.networks.model_files import own_file, read_text
from camchex.prediction.one_study import StudyInput, predict_study, study_batch
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.patients import Patient, Study
from camchex.synthetic.phantom.rendering import draw_images
from camchex.synthetic.phantom.xray import Site

FOLDER, FILE = "reference", "reference.json"
TOLERANCE = 1e-4  # of a probability, where arithmetic is not pinned or versions differ
LIBRARIES = (
    *("camchex", "torch", "timm", "transformers", "tokenizers", "numpy"),
    *("opencv-python-headless", "simplejpeg", "pillow"),
)
IMAGES = ("frontal.png", "lateral.png")
INDICATION = "60 year old woman with shortness of breath and leg swelling  // ?effusion, edema"
VITALS = {
    "temperature_f": 98.1,
    "heart_rate_bpm": 104.0,
    "respiratory_rate_bpm": 24.0,
    "o2_saturation_pct": 91.0,
    "systolic_bp_mmhg": 152.0,
    "diastolic_bp_mmhg": 88.0,
}
STUDY = Study(
    study_id="50000000",
    patient=Patient("10000000", "F", 60),
    split="test",
    condition="heart failure",
    severities={"Pleural Effusion": 0.9, "Cardiomegaly": 0.8, "Edema": 0.7},
    time=datetime(2150, 1, 1),  # the cohort's dates have no zone
    views=("PA", "LATERAL"),
)
COHORT = SyntheticParams.model_validate({
    "seed": 0, "studies": {"train": 1, "development": 1, "test": 1},
    "external": {"chexpert": 1, "nih": 1, "vindr": 1},
    "image_px": 256, "signal": 2.25, "noise": 1.0, "synergy": 0.0, "in_emergency": 1.0,
    "text_informativeness": 1.0, "vitals_informativeness": 1.0, "label_leak": 0.0,
    "label_noise": 0.0, "text_dirt": 0.0, "vitals_missing": 0.0, "vitals_dirt": 0.0,
    "paraphrases": 0.0, "unlisted_words": 0.0, "named_repeated": 0.0, "named_uncertain": 0.0,
    "named_missed": 0.0, "race_known": 0.0,
    "prevalence": dict.fromkeys(DRAWN, 0.1),
})  # fmt: skip

Predictions = Mapping[str, Mapping[str, float]]
"""Probabilities by what is known of the study and by finding."""


class Reference(Section):
    """Content of ``reference.json``.

    Attributes:
        note: What the study is.
        indication: As a clinician would have written it.
        vitals: Values by column of ``schemas.VITAL_SIGNS``.
        gender: F or M.
        pixels: SHA-256 of the prepared pixels of both images, in hexadecimal.
        tokens: SHA-256 of the token ids of both texts.
        expected: Probabilities, not calibrated, by what is known of the study and by finding.
        tolerance: Largest difference of a probability on another machine.
        pinned: Whether arithmetic was pinned when the probabilities were computed.
        made_with: Versions and processor.
        files: SHA-256 of the files of the model.
    """

    note: str
    indication: str
    vitals: dict[str, float]
    gender: str
    pixels: str
    tokens: str
    expected: dict[str, dict[str, float]]
    tolerance: float = Field(ge=0, le=TOLERANCE)
    pinned: bool
    made_with: dict[str, str]
    files: dict[str, str]


class Outcome(Section):
    """What a self-test found.

    Attributes:
        reproduced: Whether this machine computes what is to be expected of it.
        exact: Whether all probabilities have the same bytes.
        largest: Largest difference of a probability.
        where: The part of the study and the finding that have it.
        onnx: Largest difference of a probability of the ONNX file; None: there is none to check.
        said: What a reader should know, and do.
    """

    reproduced: bool
    exact: bool
    largest: float
    where: str
    onnx: float | None
    said: tuple[str, ...]

    def as_json(self) -> Mapping[str, JsonValue]:
        """For other programs."""
        found: Mapping[str, JsonValue] = self.model_dump(mode="json")
        return found


def write_reference(folder: Path) -> None:
    """Write the reference study into a model folder, with what its model says of it."""
    place = folder / FOLDER
    place.mkdir()
    for name, image in zip(IMAGES, draw_images(STUDY, COHORT, Site()), strict=True):
        Image.fromarray(image).save(place / name)
    model = CaMChex.from_pretrained(folder)
    pixels, tokens = _digests(model, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    found = Reference(
        note="An invented study, drawn by the generator of camchex; no patient's.",
        indication=INDICATION,
        vitals=VITALS,
        gender="F",
        pixels=pixels,
        tokens=tokens,
        expected={part: {**row} for part, row in _predicted(model, folder).items()},
        tolerance=TOLERANCE,
        pinned=arithmetic.is_pinned(),
        made_with=_here(),
        files={path.relative_to(folder).as_posix(): sha256(path) for path in files},
    )
    write_text(place / FILE, found.model_dump_json(indent=2) + "\n")


def read_reference(folder: Path) -> Reference:
    """Read the reference study of a model folder.

    Raises:
        ModelError: If there is none, or it is damaged.
    """
    if not (folder / FOLDER / FILE).exists():
        raise ModelError(
            f"{folder / FOLDER / FILE}: no such file. `camchex export` writes it: name a folder "
            "that it made"
        )
    try:
        return Reference.model_validate_json(read_text(folder / FOLDER, FILE))
    except ValidationError as error:
        raise ModelError(f"{folder / FOLDER / FILE}: damaged: {wrong_values(error)}") from error


def self_test(folder: Path) -> Outcome:
    """Predict the reference study of a model folder, and compare.

    Raises:
        DataError: If an image cannot be read.
        ModelError: If the folder has no reference study, or a file of it is damaged.
    """
    known = read_reference(folder)
    strange = [name for name, digest in known.files.items() if _digest(folder, name) != digest]
    model = CaMChex.from_pretrained(folder)
    found = _predicted(model, folder)
    if {part: {*row} for part, row in found.items()} != {
        part: {*row} for part, row in known.expected.items()
    }:
        raise ModelError(f"{folder / FOLDER / FILE}: is of a model of other findings or inputs")
    where, largest = _farthest(found, known.expected)
    onnx = onnx_difference(model, folder, known)
    agrees = onnx is None or onnx <= known.tolerance
    other = [
        f"{name} is {here}, and was {known.made_with.get(name)}"
        for name, here in _here().items()
        if here != known.made_with.get(name)
    ]
    exactly = known.pinned and arithmetic.is_pinned() and not other
    exact = largest == 0.0
    same = exact or (largest <= known.tolerance and not exactly)
    said = [f"{folder / name}: is not the file that was exported" for name in strange]
    said += _on_onnx(folder, onnx, known.tolerance)
    if not exact:
        said += other + _reasons(model, folder, known)
    if strange:
        said.append("Take another copy of the folder.")
    elif not exact and exactly:
        said.append(
            "Versions and settings are those of the record, so equal bytes are expected: `camchex "
            "check` says which operation of this processor differs."
            + (" For use, the difference is small." if largest <= known.tolerance else "")
        )
    elif largest > known.tolerance:
        said.append("Install the versions of the record, and run this again before any use.")
    return Outcome(
        reproduced=not strange and same and agrees,
        exact=exact,
        largest=largest,
        where=where,
        onnx=onnx,
        said=tuple(said),
    )


def onnx_difference(model: CaMChex, folder: Path, known: Reference) -> float | None:
    """Largest difference of a probability by the ONNX file of a model folder.

    None where the folder has no such file, or onnxruntime is not installed.

    Raises:
        ModelError: If onnxruntime cannot compute the file.
    """
    if not (folder / ONNX).exists() or find_spec(READER) is None:
        return None
    found = {}
    for name, study in _parts(model, folder).items():
        rows = onnx_probabilities(folder, model, study_batch(model, study)).mean(0)
        found[name] = dict(zip(model.classes, rows.tolist(), strict=True))
    return _farthest(found, known.expected)[1]


def _study(folder: Path) -> StudyInput:
    frontal, lateral = (folder / FOLDER / name for name in IMAGES)
    return StudyInput([(frontal, "frontal"), (lateral, "lateral")], INDICATION, VITALS, "F")


def _digest(folder: Path, name: str) -> str:
    try:
        return sha256(own_file(folder, name))
    except ModelError:
        return ""


def _farthest(found: Predictions, expected: Predictions) -> tuple[str, float]:
    """The part of the study and the finding that differ most, and by how much."""
    differences = {
        f"{name} of the study, {part}": abs(value - expected[part][name])
        for part, row in found.items()
        for name, value in row.items()
    }
    return max(differences.items(), key=lambda item: item[1])


def _on_onnx(folder: Path, difference: float | None, tolerance: float) -> list[str]:
    """What a reader should know of the ONNX file of a folder."""
    path = folder / ONNX
    if not path.exists() or (difference is not None and difference <= tolerance):
        return []
    if difference is None:
        return [f"{path}: not checked, as {READER} is not installed: {INSTALL}"]
    return [f"{path}: gives probabilities that differ by {difference:.2e}: export it anew"]


def _predicted(model: CaMChex, folder: Path) -> Predictions:
    """Predict the study whole, and without some of its inputs."""
    return {name: predict_study(model, study) for name, study in _parts(model, folder).items()}


def _parts(model: CaMChex, folder: Path) -> dict[str, StudyInput]:
    """The study whole, and without some of its inputs."""
    whole = _study(folder)
    parts = {"whole": whole}
    inputs = model.config.fusion.inputs
    if "images" in inputs:
        parts["frontal image alone"] = StudyInput(whole.images[:1])
    if {*inputs} - {"images"}:
        parts["no image"] = StudyInput((), whole.indication, whole.vitals, whole.gender)
    return parts


def _digests(model: CaMChex, folder: Path) -> tuple[str, str]:
    """SHA-256 of prepared pixels and of token ids."""
    batch = study_batch(model, _study(folder))
    pixels = (batch.images * 255).round().byte().numpy()
    ids = [batch.indication.ids.numpy(), batch.vitals.ids.numpy()]
    texts = b"".join(np.ascontiguousarray(one).tobytes() for one in ids)
    return hashlib.sha256(pixels.tobytes()).hexdigest(), hashlib.sha256(texts).hexdigest()


def _reasons(model: CaMChex, folder: Path, known: Reference) -> list[str]:
    """Say which step differs."""
    pixels, tokens = _digests(model, folder)
    steps = {
        "images are prepared otherwise: opencv-python-headless, simplejpeg": pixels == known.pixels,
        "texts are other tokens: tokenizers, or the files of camchex": tokens == known.tokens,
    }
    return [step for step, same in steps.items() if not same] or [
        "images and texts are read alike: the arithmetic of the network differs"
    ]


def _here() -> dict[str, str]:
    """Versions and processor of this machine."""
    versions = {name: version(name).partition("+")[0] for name in LIBRARIES}
    return versions | {"processor": platform.machine()}
