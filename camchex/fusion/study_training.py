"""Training of the fusion over whole studies."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from camchex.contract.params import validate
from camchex.errors import ParamsError
from camchex.fusion.camchex import CaMChex, build_camchex
from camchex.fusion.params import Preparation, TextParams
from camchex.fusion.section import FusionParams
from camchex.fusion.study_data import StudyDataset, reader_of
from camchex.fusion.study_samples import StudySamples
from camchex.fusion.tokenizer import build_tokenizer
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import prevalence
from camchex.training.recipe import Lesson, Recipe, train_and_publish


def vary(fusion: FusionParams, seed: int, settings: Sequence[str] = ()) -> FusionParams:
    """Section ``fusion`` with another seed and, where given, other settings.

    Args:
        fusion: The section as params.yaml has it; not changed.
        seed: Replaces ``training.seed``.
        settings: ``key=value`` each, the value in YAML: ``inputs=[images]``, ``training.epochs=1``.

    Raises:
        ParamsError: If a setting has no ``=``, names a key that the section lacks, or gives it a
            value that it cannot have.
    """
    values = fusion.model_dump()
    for setting in settings:
        _set(values, setting)
    values["training"]["seed"] = seed
    return validate(values, FusionParams, where="fusion, with --set and --seed")


def _set(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    *above, last = key.split(".")
    section: Any = values
    for name in above:
        section = section.get(name) if isinstance(section, dict) else None
    if not equals or not isinstance(section, dict) or last not in section:
        known = ", ".join(values)
        raise ParamsError(
            f"--set {setting}: expected key=value with a key of section fusion ({known}), or of "
            "its training (training.epochs)"
        )
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"--set {setting}: its value is not valid YAML: {error}") from error


def new_camchex(
    fusion: FusionParams,
    text: TextParams,
    preparation: Preparation,
    frontal: ImageClassifier,
    lateral: ImageClassifier,
    texts: Iterable[str],
) -> CaMChex:
    """An untrained fusion over trained image encoders; a tiny vocabulary is that of ``texts``.

    Raises:
        ModelError: If the parts do not fit together, or the text encoder cannot be had.
    """
    tokenizer = build_tokenizer(text, texts)
    return build_camchex(fusion, text, frontal, lateral, tokenizer, preparation)


def train_on_studies(
    start: Callable[[Iterable[str]], CaMChex],
    train: StudySamples,
    development: StudySamples,
    recipe: Recipe,
    scratch: Path,
) -> None:
    """Train a fusion model on studies; the weights of its loss count their images.

    Args:
        start: Makes the model it starts from, given the training texts; new weights follow from
            the seed.
        train: Training studies.
        development: Choose the epoch; may be none.
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
    lesson = Lesson(
        network=model,
        save=model.save_pretrained,
        image_size=model.image_size,
        train=StudyDataset(train, reader, seed=recipe.training.seed),
        development=StudyDataset(development, reader),
        prevalence=prevalence(train.targets, images),
        sources={"mimic": len(train)},
    )
    train_and_publish(lesson, recipe, scratch)
