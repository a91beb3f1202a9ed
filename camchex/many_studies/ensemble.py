"""One or several trained models that read a study alike, and what they predict together."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from camchex.contract.files import sha256
from camchex.errors import ModelError
from camchex.fusion.camchex import TOKENIZER, CaMChex
from camchex.fusion.study_data import reader_of
from camchex.many_studies.calibrated import Calibrated, calibrate
from camchex.many_studies.reading import HowToRead, ReadStudy
from camchex.networks.batches import Floats, to_unit_range
from camchex.networks.folder import CONFIG
from camchex.networks.hub import WEIGHTS
from camchex.networks.inference import flip_average
from camchex.prediction.one_study import image_preparation
from camchex.scores import calibration_file
from camchex.scores.calibration_file import Calibration
from camchex.views import view_classifier
from camchex.views.view_classifier import ViewClassifier

ID_DIGITS = 16  # of a SHA-256: enough to tell models apart


@dataclass(frozen=True)
class Member:
    """One model.

    Attributes:
        folder: Where it was loaded from.
        model: The network, ready to predict.
        calibration: What was fitted on its development studies; None: it has none.
        digest: SHA-256 of configuration, weights and tokenizer.
        calibration_digest: SHA-256 of the file of its calibration; None: it has none.
    """

    folder: Path
    model: CaMChex
    calibration: Calibration | None
    digest: str
    calibration_digest: str | None

    @property
    def name(self) -> str:
        """Id for people: the folder's name and the start of the digest."""
        return f"{self.folder.absolute().name}:{self.digest[:ID_DIGITS]}"


@dataclass(frozen=True)
class Ensemble:
    """Models that read a study alike, at least one, and the first one's view classifier."""

    members: tuple[Member, ...]
    classifier: ViewClassifier | None = None

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the probabilities."""
        return self.members[0].model.classes

    @cached_property
    def how(self) -> HowToRead:
        """How a study is read."""
        model = self.members[0].model
        return HowToRead(
            preparation=image_preparation(model),
            cleaner=model.config.preparation.cleaner,
            max_images=reader_of(model).max_images,
            average=model.config.fusion.beyond_max_images == "average",
            inputs=frozenset(model.config.fusion.inputs),
            classifier=self.classifier,
        )

    def predict(self, studies: Sequence[ReadStudy]) -> list[list[Calibrated]]:
        """Predict studies that can be read, in one batch: what each model says of each study.

        Raises:
            ModelError: If a model gives no number.
        """
        if not studies:
            return []
        found = [_probabilities(member.model, studies) for member in self.members]
        return [
            [
                calibrate(member.calibration, dict(zip(self.classes, row.tolist(), strict=True)))
                for member, row in zip(self.members, rows, strict=True)
            ]
            for rows in zip(*found, strict=True)
        ]


def load_ensemble(
    folders: Sequence[Path],
    calibration: Path | None = None,
    device: torch.device | str = "cpu",
) -> Ensemble:
    """Load models, each with the calibration and the view classifier beside it.

    Args:
        folders: Folders of ``train_fusion``.
        calibration: A calibration to use in place of that of the one model.
        device: Where the networks compute.

    Raises:
        DataError: If a calibration cannot be read.
        ModelError: If a model is missing or incomplete, is named twice, or reads a study otherwise
            than the first; if one calibration is to serve several models.
    """
    if len({os.path.realpath(folder) for folder in folders}) < len(folders):
        raise ModelError("a model is given twice: name each --model once")
    if calibration and len(folders) > 1:
        raise ModelError(
            "--calibration is of one model: leave it out, and each takes the file beside it"
        )
    members = tuple(_member(folder, calibration, device) for folder in folders)
    first = members[0]
    for other in members[1:]:
        for what, same in _readings(first.model).items():
            if _readings(other.model)[what] != same:
                raise ModelError(
                    f"{first.folder} and {other.folder} differ in {what}: predict with each alone"
                )
    found = view_classifier.read_view_classifier(view_classifier.beside(first.folder))
    return Ensemble(members, found)


def _member(folder: Path, calibration: Path | None, device: torch.device | str) -> Member:
    path = calibration or calibration_file.beside(folder)
    fitted = calibration_file.read_calibration(path) if calibration or path.exists() else None
    model = CaMChex.from_pretrained(folder).to(device)
    parts = [sha256(folder / name) for name in (CONFIG, WEIGHTS, TOKENIZER)]
    digest = hashlib.sha256("".join(parts).encode()).hexdigest()
    return Member(folder, model, fitted, digest, sha256(path) if fitted else None)


def _readings(model: CaMChex) -> Mapping[str, object]:
    """What must be the same of models that read a study together, by name."""
    config = model.config
    return {
        "classes": config.classes,
        "image_size": config.image_size,
        "preparation": config.preparation,
        "fusion.inputs": {*config.fusion.inputs},
        "fusion.max_images": config.fusion.max_images,
        "fusion.beyond_max_images": config.fusion.beyond_max_images,
    }


@torch.inference_mode()
def _probabilities(model: CaMChex, studies: Sequence[ReadStudy]) -> Floats:
    """Predict studies by one model, (S, Q), averaged over mirror images and groups of images."""
    size = model.image_size
    pixels = [study.pixels() for study in studies if study.jpegs]
    images = np.concatenate([np.empty((0, size, size), np.uint8), *pixels])
    counts = [len(study.lateral) for study in studies]  # groups, of which none is empty
    batch = reader_of(model).read(
        torch.from_numpy(images)[:, None],
        [lateral for study in studies for lateral in study.lateral],
        [study.indication for study, n in zip(studies, counts, strict=True) for _ in range(n)],
        [study.vitals for study, n in zip(studies, counts, strict=True) for _ in range(n)],
    )
    batch = batch.map_images(to_unit_range).to(next(model.parameters()).device)
    found: Floats = flip_average(model, batch).cpu().numpy()
    starts = np.cumsum([0, *counts[:-1]])
    means: Floats = (np.add.reduceat(found, starts) / np.array(counts)[:, None]).astype(np.float32)
    return means
