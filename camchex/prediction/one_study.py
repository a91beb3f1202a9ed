"""What a trained CaMChex says about one study, from files and values as they come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from camchex.errors import DataError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import first_images, image_groups
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.tokenizer import NO_INDICATION
from camchex.images.decode import read_image
from camchex.images.resize import fit
from camchex.networks.batches import to_unit_range
from camchex.networks.inference import flip_average
from camchex.texts.cleaning import clean_indication
from camchex.texts.vitals_text import vitals_text

View = Literal["frontal", "lateral"]


@dataclass(frozen=True)
class StudyInput:
    """One study; what is not known is left out.

    Attributes:
        images: Files (JPEG, PNG or DICOM), each with its view.
        indication: As the clinician wrote it.
        vitals: Columns of ``schemas.VITAL_SIGNS`` (unit in the name) to values.
        gender: F or M.
    """

    images: Sequence[tuple[Path, View]] = ()
    indication: str | None = None
    vitals: Mapping[str, float | None] | None = None
    gender: Literal["F", "M"] | None = None

    def __post_init__(self) -> None:
        """Refuse what would otherwise be read as something else."""
        for path, view in self.images:
            if view not in {"frontal", "lateral"}:
                raise DataError(f"{path}: view {view!r}; expected frontal or lateral")
        if self.gender not in {None, "F", "M"}:
            raise DataError(f"gender {self.gender!r}; expected F or M, or nothing if not known")


def load(folder: Path) -> CaMChex:
    """Load a trained model.

    Args:
        folder: As ``train_fusion`` writes it, for example ``models/fusion/seed0``.

    Raises:
        ModelError: If it is missing, incomplete, or of another kind.
    """
    return CaMChex.from_pretrained(folder)


@torch.inference_mode()
def predict_study(model: CaMChex, study: StudyInput) -> dict[str, float]:
    """Probability of every class, averaged over the images and their mirror images.

    A study with more images than the model takes is read as the test set is: by some of them, of
    both views in turn, or by all, in groups over which the probabilities are averaged.

    Args:
        model: Not changed; in whatever mode it is, it predicts.
        study: Prepared here exactly as the training data were.

    Raises:
        DataError: If an image cannot be read, or a vital sign is not one.
        ModelError: If the study has nothing that the model reads.
    """
    training = model.training
    model.eval()
    try:
        batch = study_batch(model, study).to(next(model.parameters()).device)
        probabilities = flip_average(model, batch).mean(dim=0).tolist()
    finally:
        model.train(training)
    return dict(zip(model.classes, probabilities, strict=True))


def study_batch(model: CaMChex, study: StudyInput) -> StudyBatch:
    """One study as the model reads it; under ``average``, once per group of its images.

    Raises:
        DataError: If an image cannot be read, or a vital sign is not one.
    """
    lateral = np.array([view == "lateral" for _, view in study.images], dtype=bool)
    fusion = model.config.fusion
    reads_images = "images" in fusion.inputs
    if fusion.beyond_max_images == "average" and reads_images:
        groups = image_groups(lateral, fusion.max_images)
    else:
        groups = [first_images(lateral, fusion.max_images if reads_images else 0)]
    chosen = np.concatenate(groups)
    size, how = model.image_size, model.config.preparation.fit
    pixels = np.zeros((len(chosen), 1, size, size), dtype=np.uint8)
    for place, number in enumerate(chosen):
        pixels[place, 0] = fit(read_image(study.images[number][0], at_least=size), size, how)
    text = model.config.text
    return StudyBatch(
        images=to_unit_range(torch.from_numpy(pixels)),
        study=torch.arange(len(groups)).repeat_interleave(torch.tensor(list(map(len, groups)))),
        slot=torch.cat([torch.arange(len(group)) for group in groups]),
        lateral=torch.from_numpy(lateral[chosen]),
        indication=model.tokenizer.encode(
            [_clean(study.indication, model)] * len(groups), text.max_tokens_indication
        ),
        vitals=model.tokenizer.encode(
            [vitals_text(study.vitals or {}, study.gender)] * len(groups), text.max_tokens_vitals
        ),
    )


def _clean(indication: str | None, model: CaMChex) -> str:
    cleaned = clean_indication(indication or "", model.config.preparation.cleaner)
    return NO_INDICATION if cleaned is None else cleaned
