"""Training of the fusion on whole studies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from camchex.contract.files import sha256
from camchex.contract.params import validate
from camchex.contract.schemas import MIMIC
from camchex.contract.yaml_file import parse_yaml
from camchex.errors import ParamsError
from camchex.fusion.camchex import build_camchex
from camchex.fusion.image_maps import View
from camchex.fusion.params import Preparation, TextParams
from camchex.fusion.section import FusionParams
from camchex.fusion.study_data import StudyDataset, cohort_studies, reader_of
from camchex.fusion.tokenizer import build_tokenizer
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import prevalence, read_cohort
from camchex.training import augmentation
from camchex.training.augmentation import Augmentation
from camchex.training.recipe import Recipe
from camchex.training.task import Task


def vary(fusion: FusionParams, seed: int, settings: Sequence[str] = ()) -> FusionParams:
    """Replace the seed and any other settings of section ``fusion``.

    Args:
        fusion: The section of params.yaml; not changed.
        seed: Replaces ``training.seed``.
        settings: ``key=value`` each, the value in YAML: ``inputs=[images]``, ``training.epochs=1``.

    Raises:
        ParamsError: If a setting has no ``=``, an unknown key, or an invalid value.
    """
    values = fusion.model_dump()
    for setting in [*settings, f"training.seed={seed}"]:
        key, equals, text = setting.partition("=")
        *above, last = key.split(".")
        section: Any = values
        for name in above:
            section = section.get(name) if isinstance(section, dict) else None
        if not equals or not isinstance(section, dict) or last not in section:
            raise ParamsError(
                f"--set {setting}: expected key=value with a key of section fusion "
                f"({', '.join(values)}), or of its training (training.epochs)"
            )
        section[last] = parse_yaml(text, where=f"--set {setting}")
    return validate(values, FusionParams, where="fusion, with --set and --seed")


@dataclass(frozen=True)
class Design:
    """Plan of a new fusion model: its classes in order, and the sections that decide it."""

    classes: Sequence[str]
    text: TextParams
    fusion: FusionParams
    preparation: Preparation


def study_task(
    design: Design, frontal: Path, lateral: Path, cohort: Path, store: Path, recipe: Recipe
) -> Task:
    """Prepare the training of a fusion model; the loss's class weights count images, not studies.

    Args:
        design: Plan of the model; a tiny text encoder's tokenizer is learnt from training texts.
        frontal: Model folder of the classifier of frontal images.
        lateral: Model folder of the classifier of lateral images.
        cohort: Table of studies.
        store: Images of MIMIC-CXR.
        recipe: How to train; the seed decides new weights.

    Raises:
        DataError: If cohort or store is missing, of other classes, or lacks an image; or the disk
            has no room for the maps of ``fusion.cached_views``.
        ModelError: If a classifier is missing or of other classes, or the parts do not fit.

    Source: paper section 3.2; docs/method.md, section 8.
    """
    found = read_cohort(cohort, store, design.classes)
    front, side = (
        ImageClassifier.from_pretrained(folder, found.store.size, design.classes)
        for folder in (frontal, lateral)
    )
    train = cohort_studies(found, ["train"])
    torch.manual_seed(recipe.training.seed)
    tokenizer = build_tokenizer(design.text, [*filter(None, train.indications), *train.vitals])
    mirrored = {"mirrored": recipe.augmentation.flip_p > 0}
    preparation = design.preparation.model_copy(update=mirrored)
    model = build_camchex(design.fusion, design.text, front, side, tokenizer, preparation)
    reader = reader_of(model)
    images = np.array([len(rows) for rows in train.rows])
    augment: nn.Module = Augmentation(recipe.augmentation, model.image_size)
    learnt = StudyDataset(train, reader, recipe.training.seed)
    development = StudyDataset(cohort_studies(found, ["development"]), reader)
    if design.fusion.cached_views and (encoders := model.image_encoders):
        code = sha256(Path(augmentation.__file__))
        follows_from = f"{code} {recipe.augmentation.model_dump_json()}"
        views = [View(augment, follows_from, seed) for seed in range(design.fusion.cached_views)]
        learnt = learnt.with_maps(encoders, views, recipe.runtime)
        development = development.with_maps(encoders, [View()], recipe.runtime)
        augment = nn.Identity()
    return Task(
        network=model,
        augment=augment,
        train=learnt,
        development=development,
        prevalence=prevalence(train.targets, images),
        by_input=hasattr(model, "input_heads"),
        sources={MIMIC: len(train)},
        classes=model.classes,
    )
