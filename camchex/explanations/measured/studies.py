"""Explanations of invented studies, scored where the generator knows what they should hit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from camchex.contract import arithmetic
from camchex.explanations import maps, texts
from camchex.explanations.answer import Answer
from camchex.explanations.measured import known_words, pointing
from camchex.explanations.measured.drawn_signs import Bools, clearer_views, sign_masks
from camchex.explanations.measured.judged import Measured
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import first_images
from camchex.fusion.study_data import StudySamples, cohort_studies, reader_of
from camchex.networks.batches import Rows, to_unit_range
from camchex.networks.samples import read_cohort
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.vital_signs import read_vital_signs
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import Study, dicom_id, invent_splits

UNTRAINED = "random weights"
SEED = 0  # of the random weights


@dataclass(frozen=True)
class Files:
    """What is measured: a trained model, and the invented cohort that it was trained on.

    Attributes:
        model: Folder of the model.
        cohort: ``schemas.cohort``.
        store: The prepared images.
        synthetic: Section ``synthetic``, as JSON.
        portable: Whether arithmetic is pinned, as in the stages.
    """

    model: Path
    cohort: Path
    store: Path
    synthetic: str
    portable: bool


@dataclass(frozen=True)
class Opened:
    """The same, read.

    Attributes:
        model: The trained network.
        untrained: The same network with random weights.
        samples: Studies of development and test.
        table: The rows of the cohort.
        invented: What was drawn, by study.
        params: Section ``synthetic``.
        generator: The generating model.
    """

    model: CaMChex
    untrained: CaMChex
    samples: StudySamples
    table: pa.Table
    invented: Mapping[str, Study]
    params: SyntheticParams
    generator: Generator


@dataclass(frozen=True)
class Wanted:
    """What is measured of one study.

    Attributes:
        study: Its position among the samples.
        maps: Methods of maps; none: no map is measured.
        words: Methods for words.
        vitals: Methods for vital signs.
        untrained: Whether each is measured on random weights, too.
    """

    study: int
    maps: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    vitals: tuple[str, ...] = ()
    untrained: bool = False


@dataclass(frozen=True)
class Found:
    """Scores of one study, by kind of explanation.

    Attributes:
        maps: Of maps.
        words: Of words.
        vitals: Of vital signs.
        clearer: The view that shows more of a sign, by finding, where both were taken.
    """

    maps: Sequence[Measured] = ()
    words: Sequence[Measured] = ()
    vitals: Sequence[Measured] = ()
    clearer: Mapping[str, str] = field(default_factory=dict)


@cache
def opened(files: Files) -> Opened:
    """Read everything, once in a process.

    Raises:
        DataError: If a file is missing.
        ModelError: If the model is.
    """
    if files.portable:
        arithmetic.pin()
    torch.set_num_threads(1)
    model = CaMChex.from_pretrained(files.model)
    params = SyntheticParams.model_validate_json(files.synthetic)
    cohort = read_cohort(files.cohort, files.store, model.classes)
    samples = cohort_studies(cohort, ["development", "test"])
    return Opened(
        model=model,
        untrained=with_random_weights(model),
        samples=samples,
        table=cohort.table,
        invented={study.study_id: study for study in invent_splits(params)},
        params=params,
        generator=Generator(params),
    )


def with_random_weights(model: CaMChex, seed: int = SEED) -> CaMChex:
    """Build the network of a model anew, with the weights from which a training starts.

    Source: the model randomisation test of Adebayo et al., NeurIPS 2018.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CaMChex(model.config, model.tokenizer).eval()


def measure(wanted: Wanted, files: Files) -> Found:
    """Explain one study, and score what is explained."""
    held = opened(files)
    sample = held.samples.take([wanted.study])
    answers = {"": answer_of(held.model, sample)}
    if wanted.untrained:
        answers[UNTRAINED] = answer_of(held.untrained, sample)
    study = held.invented[sample.study_ids[0]]
    return Found(
        clearer=clearer_views(study, held.params) if wanted.maps else {},
        maps=_maps(held, wanted, answers) if wanted.maps else (),
        words=_words(held, wanted, answers) if wanted.words else (),
        vitals=_vitals(held, wanted, answers) if wanted.vitals else (),
    )


def answer_of(model: CaMChex, sample: StudySamples) -> Answer:
    """Prepare the answer of a model to one study of a cohort."""
    read = image_numbers(sample, model)
    rows, lateral = sample.rows[0][read], sample.lateral[0][read]
    side = sample.store.size
    pixels = sample.store.batch(rows) if len(rows) else np.empty((0, side, side), np.uint8)
    given = torch.from_numpy(pixels)[:, None]
    batch = reader_of(model).read(given, [lateral], sample.indications, sample.vitals)
    return Answer(model, batch.map_images(to_unit_range))


def image_numbers(sample: StudySamples, model: CaMChex) -> Rows:
    """Choose the images of one study that a model reads: positions within the study."""
    return first_images(sample.lateral[0], reader_of(model).max_images)


def named(method: str, answer: str) -> str:
    """Name the scores of a method on one of the two networks."""
    return f"{method}, {answer}" if answer else method


@dataclass(frozen=True)
class Sign:
    """The sign of a finding in one image that a model reads.

    Attributes:
        finding: The finding.
        view: frontal or lateral.
        image: Number of the image.
        mask: Its pixels, (H, W).
    """

    finding: str
    view: str
    image: int
    mask: Bools


def signs_of(held: Opened, place: int) -> tuple[Answer, list[Sign]]:
    """The answer of the model to one study, and all signs that its images show, by image."""
    sample, model = held.samples.take([place]), held.model
    study = held.invented[sample.study_ids[0]]
    present = [name for name in study.severities if name in model.classes]
    fit, size = model.config.preparation.fit, model.image_size
    masks = {name: sign_masks(study, name, held.params, size, fit) for name in present}
    views = _views(held, study, place)
    signs = [
        Sign(name, study.kinds[views[image]], number, mask)
        for number, image in enumerate(image_numbers(sample, model))
        for name in present
        if (mask := masks[name][views[image]]) is not None
    ]
    return answer_of(model, sample), signs


def _maps(held: Opened, wanted: Wanted, answers: Mapping[str, Answer]) -> list[Measured]:
    answer, signs = signs_of(held, wanted.study)
    rows = []
    for number in sorted({sign.image for sign in signs}):
        here = [sign for sign in signs if sign.image == number]
        findings = [held.model.classes.index(sign.finding) for sign in here]
        found = {
            named(method, kind): maps.METHODS[method](one, number, findings)
            for method in wanted.maps
            for kind, one in answers.items()
        }
        known = pointing.baselines(answer.batch.images[number, 0].numpy())
        for place, sign in enumerate(here):
            scored = {name: pointing.scores(one[place], sign.mask) for name, one in found.items()}
            scored |= {name: pointing.scores(one, sign.mask) for name, one in known.items()}
            rows.append(Measured(wanted.study, sign.finding, sign.view, scored))
    return rows


def _views(held: Opened, study: Study, place: int) -> list[int]:
    """The view of the invented study that each image of the cohort's study is."""
    ids = {dicom_id(held.params.seed, study.study_id, n): n for n in range(len(study.views))}
    wanted = held.samples.study_ids[place]
    row = held.table["study_id"].to_pylist().index(wanted)
    return [ids[image] for image in held.table["image_ids"][row].as_py()]


def _words(held: Opened, wanted: Wanted, answers: Mapping[str, Answer]) -> list[Measured]:
    indication, vitals = _texts(held, wanted.study)
    about = {n: own for n, own in known_words.words_about(indication or "").items()
             if n in held.model.classes}  # fmt: skip
    if not about:
        return []
    words = texts.words_of(indication)
    numbers = [held.model.classes.index(name) for name in about]
    found = {
        named(method, kind): texts.WORDS[method](answer, (indication, vitals), numbers)
        for method in wanted.words
        for kind, answer in answers.items()
    }
    return [
        Measured(wanted.study, name, "", {
            **{n: known_words.word_scores(one[place], own, words) for n, one in found.items()},
            **known_words.word_baselines(own, words),
        })
        for place, (name, own) in enumerate(about.items())
    ]  # fmt: skip


def _vitals(held: Opened, wanted: Wanted, answers: Mapping[str, Answer]) -> list[Measured]:
    indication, vitals = _texts(held, wanted.study)
    if not read_vital_signs(vitals):
        return []
    effects = known_words.vital_effects(held.generator, vitals)
    moved = {
        name: known
        for name, known in effects.items()
        if np.abs(known).max() > known_words.LEAST_EFFECT and name in held.model.classes
    }
    if not moved:
        return []
    numbers = [held.model.classes.index(name) for name in moved]
    found = {
        named(method, kind): texts.VITALS[method](answer, (indication, vitals), numbers)
        for method in wanted.vitals
        for kind, answer in answers.items()
    }
    return [
        Measured(wanted.study, name, "", {
            **{n: known_words.vital_scores(one[place], known) for n, one in found.items()},
            **known_words.vital_baselines(known, vitals),
        })
        for place, (name, known) in enumerate(moved.items())
    ]  # fmt: skip


def _texts(held: Opened, study: int) -> tuple[str | None, str]:
    return held.samples.indications[study], held.samples.vitals[study]
