"""Prediction of one study by a trained CaMChex, from image files, texts and values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from camchex.contract.image_store import ImagePreparation
from camchex.contract.schemas import View
from camchex.errors import DataError, counted
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import first_images, image_groups
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_data import reader_of
from camchex.images.jpeg import prepared_pixels
from camchex.images.unreadable import Notes
from camchex.networks.batches import to_unit_range
from camchex.networks.inference import flip_average
from camchex.prediction.unknown_views import require_once
from camchex.texts.cleaning import clean_indication
from camchex.texts.vitals_text import vitals_text
from camchex.views.view_classifier import ViewClassifier
from camchex.vitals.plausible import require_measurement, require_pressures


@dataclass(frozen=True)
class StudyInput:
    """One study; leave out what is not known.

    Attributes:
        images: Files (JPEG, PNG or DICOM), each with its view.
        indication: Indication as the clinician wrote it.
        vitals: Values by column of ``schemas.VITAL_SIGNS`` (the unit is in the name).
        gender: F or M.
    """

    images: Sequence[tuple[Path, View]] = ()
    indication: str | None = None
    vitals: Mapping[str, float | None] | None = None
    gender: Literal["F", "M"] | None = None

    def __post_init__(self) -> None:
        """Refuse values that would otherwise be misread."""
        for path, view in self.images:
            if view not in {"frontal", "lateral"}:
                raise DataError(f"{path}: view {view!r}; expected frontal or lateral")
        require_once([path for path, _ in self.images])
        for name, value in (self.vitals or {}).items():
            if value is not None:
                require_measurement(name, value, f"vitals: {name}={value!r}")
        require_pressures(self.vitals or {})
        try:
            (self.indication or "").encode()
        except UnicodeEncodeError as error:
            place = counted(error.start, "letter")
            raise DataError(f"indication: half a character behind {place}") from error
        if self.gender not in {None, "F", "M"}:
            raise DataError(f"gender {self.gender!r}; expected F or M, or nothing if not known")


def load(folder: Path) -> CaMChex:
    """Load a model from a folder of ``train_fusion``, for example ``models/fusion/seed0``.

    Raises:
        ModelError: If the folder is missing, incomplete, or holds another kind of model.
    """
    return CaMChex.from_pretrained(folder)


ImageNotes = dict[Path, list[str]]
"""Decisions on images that contradict themselves, or that are not read, by file."""


@torch.inference_mode()
def predict_study(
    model: CaMChex,
    study: StudyInput,
    notes: ImageNotes | None = None,
    classifier: ViewClassifier | None = None,
) -> dict[str, float]:
    """Return the probability of every class, averaged over the images and their mirror images.

    A study with more images than the model takes is read as in the test set: by some images, of
    both views in turn, or by all, in groups over which the probabilities are averaged.

    Inputs are prepared exactly as the training data were. The model keeps its weights and mode.

    Args:
        model: The model.
        study: The study.
        notes: Decisions on images, and which images are not read, are put here.
        classifier: Decides whether a DICOM file that contradicts itself is inverted, if given.

    Raises:
        DataError: If an image cannot be read, or a vital sign is not one.
        ModelError: If the study has nothing that the model reads.
    """
    training = model.training
    model.eval()
    try:
        batch = study_batch(model, study, notes, classifier).to(next(model.parameters()).device)
        probabilities = flip_average(model, batch).mean(dim=0).tolist()
    finally:
        model.train(training)
    return dict(zip(model.classes, probabilities, strict=True))


def study_batch(
    model: CaMChex,
    study: StudyInput,
    notes: ImageNotes | None = None,
    classifier: ViewClassifier | None = None,
) -> StudyBatch:
    """Prepare one study for the model; under ``average``, one entry per group of its images.

    Args:
        model: The model.
        study: The study.
        notes: Decisions on images, and which images are not read, are put here.
        classifier: As of :func:`predict_study`.

    Raises:
        DataError: If an image cannot be read, or a vital sign is not one.
    """
    lateral = np.array([view == "lateral" for _, view in study.images], dtype=bool)
    reader = reader_of(model)
    if model.config.fusion.beyond_max_images == "average" and reader.max_images:
        groups = image_groups(lateral, reader.max_images)
    else:
        groups = [first_images(lateral, reader.max_images)]
    chosen = np.concatenate(groups)
    prepare = image_preparation(model)
    pixels = np.zeros((len(chosen), 1, prepare.size, prepare.size), dtype=np.uint8)
    for place, number in enumerate(chosen):
        path, decided = study.images[number][0], Notes()
        pixels[place] = prepared_pixels(path, prepare, decided, classifier)
        if decided and notes is not None:
            notes[path] = [*decided]
    for number in {*range(len(lateral))} - {*chosen.tolist()}:
        if notes is not None:
            said = f"not read: the model takes {reader.max_images} images of a study"
            notes[study.images[number][0]] = [said]
    indication = clean_indication(study.indication or "", model.config.preparation.cleaner)
    batch = reader.read(
        torch.from_numpy(pixels),
        [lateral[group] for group in groups],
        [indication] * len(groups),
        [vitals_text(study.vitals or {}, study.gender)] * len(groups),
    )
    return batch.map_images(to_unit_range)


def image_preparation(model: CaMChex) -> ImagePreparation:
    """How images are prepared for a model: as its training images were."""
    how = model.config.preparation
    return ImagePreparation(size=model.image_size, fit=how.fit, jpeg_quality=how.jpeg_quality)
