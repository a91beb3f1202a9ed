"""Training of the fusion on whole studies."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from camchex.contract.params import validate
from camchex.contract.schemas import MIMIC
from camchex.errors import ParamsError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.section import FusionParams
from camchex.fusion.study_data import StudyDataset, reader_of
from camchex.fusion.study_samples import StudySamples
from camchex.networks.samples import prevalence
from camchex.training.augmentation import Augmentation
from camchex.training.fit import Task
from camchex.training.recipe import Recipe, train_and_publish


def vary(fusion: FusionParams, seed: int, settings: Sequence[str] = ()) -> FusionParams:
    """Replace the seed and any other settings of section ``fusion``.

    Args:
        fusion: The section of params.yaml; not changed.
        seed: Replaces ``training.seed``.
        settings: ``key=value`` each, the value in YAML: ``inputs=[images]``, ``training.epochs=1``.

    Raises:
        ParamsError: If a setting has no ``=``, an unknown key or an invalid value.
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
        try:
            section[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ParamsError(f"--set {setting}: its value is not valid YAML: {error}") from error
    return validate(values, FusionParams, where="fusion, with --set and --seed")


def train_on_studies(
    start: Callable[[Iterable[str]], CaMChex],
    train: StudySamples,
    development: StudySamples,
    recipe: Recipe,
    scratch: Path,
) -> None:
    """Train a fusion model on studies; the class weights of the loss count images, not studies.

    Args:
        start: Makes the untrained model from the training texts; the seed decides new weights.
        train: Training studies.
        development: Studies that decide the kept epoch; may be none.
        recipe: How, and where to.
        scratch: Folder of its checkpoint.

    Raises:
        DataError: If there is no training study.

    Source: paper section 3.2; docs/method.md, section 8.
    """
    torch.manual_seed(recipe.training.seed)
    model = start([*filter(None, train.indications), *train.vitals])
    reader = reader_of(model)
    images = np.array([len(rows) for rows in train.rows])
    task = Task(
        network=model,
        augment=Augmentation(recipe.augmentation, model.image_size),
        train=StudyDataset(train, reader, seed=recipe.training.seed),
        development=StudyDataset(development, reader),
        prevalence=prevalence(train.targets, images),
        sources={MIMIC: len(train)},
    )
    train_and_publish(task, recipe, scratch)
