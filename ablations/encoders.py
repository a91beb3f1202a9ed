"""Image encoders side by side: heads over the frozen maps of each one, at `make encoders`.

``python -m ablations.encoders --encoder models/views --encoder hf:owner/name`` encodes every image
of the cohort once with each encoder (``fusion.cached_views``), trains a fusion of images alone over
these maps with every seed, and scores it on the test studies. So a published encoder is compared
with trained ones in the time that one pass over the images takes. An encoder is one of

- a folder of an image classifier, or a folder with one for each view, ``frontal`` and ``lateral``;
- a name of timm, or ``hf:`` and a name or folder of transformers, with the published weights;
  ``NAME=SOURCE``: with weights of a folder, or ``none``, as ``encoder.pretrained``;
- ``random``: the network of section ``encoder``, untrained.

Models and predictions stay in .camchex/encoders, maps in .camchex/maps; what was trained with the
same code, data and parameters is not trained again. The metrics hold the table alone.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import timm
import torch
from rich.console import Console

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results, write_results
from camchex.aggregates.small_cells import tells_one_small
from camchex.comparisons.variant_text import mean_sd_text, number_text
from camchex.contract import arithmetic, params, schemas, tables
from camchex.contract.files import publish_folder, write_text
from camchex.contract.image_store import ImageParams, ImageStore
from camchex.contract.labels import LabelParams
from camchex.errors import CamchexError, ModelError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.params import TINY, TextParams, prepared_as
from camchex.fusion.section import FusionParams
from camchex.fusion.study_data import cohort_studies
from camchex.fusion.study_training import Design, study_task, vary
from camchex.networks.folder import CONFIG
from camchex.networks.image_classifier import build_image_classifier
from camchex.networks.image_encoder import HUB, NO_WEIGHTS
from camchex.networks.params import EncoderParams
from camchex.networks.samples import read_cohort
from camchex.prediction.study_predictions import predict_studies
from camchex.runs.runtime import RuntimeParams
from camchex.runs.training_run import Run, run_once
from camchex.scores.intervals import difference, means_of, of_classes, scored
from camchex.scores.labelled_split import Split, labelled_split, read_probabilities
from camchex.scores.metrics import METRICS, Floats
from camchex.scores.params import EvaluationParams
from camchex.scores.seeds import mean_sd
from camchex.texts.params import IndicationParams
from camchex.training.fit import fit
from camchex.training.params import AugmentationParams, load_section
from camchex.training.recipe import Recipe
from stages import origin

RANDOM = "random"
ENCODERS = (*(f"models/noisy_student/gen{n}" for n in range(5)), "models/views", RANDOM)
"""What is compared where nothing is named: the project's own encoders, and an untrained one."""
WORK, MADE = Path(".camchex/encoders"), Path(".camchex/encoders/models")
COHORT, STORE = Path("data/cohort.parquet"), Path("data/images/mimic")
OUT = Path("metrics/ablations/encoders.json")
PREDICTIONS = "predictions.parquet"
SPLITS = ("development", "test")
VIEWS = ("frontal", "lateral")
CODE_OF = {"model_type": "hf:", "architecture": "local-dir:"}  # keys of others' config.json
NAMES = dict(zip(METRICS, ("mAP", "AUROC"), strict=True))


@dataclass(frozen=True)
class Sections:
    """The sections of params.yaml that decide the table."""

    labels: LabelParams
    encoder: EncoderParams
    augmentation: AugmentationParams
    evaluation: EvaluationParams
    runtime: RuntimeParams
    seeds: list[int]


def read_sections() -> Sections:
    """Read them; heads over maps are small, and train on one device."""
    runtime = params.load("runtime", RuntimeParams)
    return Sections(
        params.load("labels", LabelParams),
        params.load("encoder", EncoderParams),
        params.load("augmentation", AugmentationParams),
        params.load("evaluation", EvaluationParams),
        runtime.model_copy(update={"devices": 1, "nodes": 1}),
        params.load("seeds", list[int]),
    )


def encoder_folders(name: str, encoder: EncoderParams, classes: Sequence[str]) -> list[Path]:
    """Find the classifiers of frontal and of lateral images, one for both where there is but one.

    A published encoder, and an untrained one, is made a folder; its head is not used.

    Args:
        name: The encoder, as ``--encoder`` takes it.
        encoder: Section ``encoder``.
        classes: Label space.

    Raises:
        ModelError: If there is no such encoder, it reads no images of this size, or its weights
            cannot be had.
    """
    folder = Path(name)
    if all((folder / view).is_dir() for view in VIEWS):
        return [folder / view for view in VIEWS]
    if folder.is_dir():
        _require_own(folder)
        return [folder]
    network, _, source = name.partition("=")
    if "/" in network and ":" not in network:
        raise ModelError(
            "no such folder. A model of transformers is named hf:owner/name, one of timm by its "
            "name or hf-hub:owner/name"
        )
    published = encoder.model_copy(update={"pretrained": NO_WEIGHTS})
    size = ImageStore(STORE).size
    if network != RANDOM:
        known = timm.get_pretrained_cfg(network, allow_unregistered=True)
        args = {"img_size": size} if known and known.fixed_input_size else {}
        changes = {"backbone": network, "pretrained": source or HUB, "backbone_args": args}
        published = encoder.model_copy(update=changes)
    torch.manual_seed(0)
    model = build_image_classifier(published, classes, size)
    publish_folder(MADE / slug(name), model.save_pretrained)
    return [MADE / slug(name)]


def _require_own(folder: Path) -> None:
    """Refuse a folder that another library wrote, and say how to name it."""
    config = folder / CONFIG
    keys = json.loads(config.read_text()).keys() if config.is_file() else ()
    for key, prefix in CODE_OF.items():
        if key in keys:
            raise ModelError(f"not an image classifier of camchex: write {prefix}{folder}")


def slug(name: str) -> str:
    """Name of a folder for an encoder: that of no other one."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.]+', '-', name).strip('-')}-{digest}"


def head_of(name: str, folders: Sequence[Path], seed: int, views: int, given: Sections) -> Path:
    """Train the head of an encoder with one seed, unless that is done, and predict by it.

    Args:
        name: The encoder.
        folders: Result of :func:`encoder_folders`.
        seed: Seed of the training.
        views: Augmented views of each image.
        given: Parameters.

    Returns:
        Probabilities of the development and test studies, ``schemas.predictions``.

    Raises:
        DataError: If data are missing, or the disk has no room for the maps.
        ModelError: If an encoder is not one of these images and classes, or the training diverges.
    """
    classes = given.labels.classes
    settings = ["architecture=camchex", "inputs=[images]", "freeze_encoders=true"]
    settings += [f"encoders={'shared' if len(folders) == 1 else 'by_view'}"]
    settings += [f"cached_views={views}"]
    fusion = vary(load_section("fusion", FusionParams), seed, settings)
    text = params.load("text", TextParams).model_copy(update={"model": TINY})  # none is read
    indications = params.load("indications", IndicationParams)
    preparation = prepared_as(params.load("images", ImageParams), indications)
    design = Design(classes, text, fusion, preparation)
    out = WORK / slug(name) / f"seed{seed}"
    recipe = Recipe(fusion.training, given.augmentation, given.runtime, out, out)

    def train(scratch: Path) -> None:
        start = time.perf_counter()
        task = study_task(design, folders[0], folders[-1], COHORT, STORE, recipe)
        encoded = time.perf_counter()
        fit(task, recipe.training, given.runtime, scratch)
        studies = cohort_studies(read_cohort(COHORT, STORE, classes), SPLITS)
        assert isinstance(task.network, CaMChex)
        found = predict_studies(task.network, studies, given.runtime)
        schema = schemas.predictions(classes)
        publish_folder(out, lambda folder: tables.write(found, folder / PREDICTIONS, schema))
        seconds = (
            f"{encoded - start:.0f} s, head and predictions {time.perf_counter() - encoded:.0f} s"
        )
        Console(stderr=True, soft_wrap=True).print(f"{name}, seed {seed}: maps {seconds}")

    sections = [given.labels, preparation, fusion, given.augmentation]
    run_once(Run(Path(__file__), [*folders, COHORT, STORE], sections, [out]), train)
    return out / PREDICTIONS


def encoder_table(
    test: Split, found: Mapping[str, Sequence[Floats]], evaluation: EvaluationParams, workers: int
) -> Results:
    """Scores per study of each encoder, and its lead over the first one.

    Args:
        test: The N test studies.
        found: Probabilities of each seed, (N, Q), by encoder.
        evaluation: Section ``evaluation``.
        workers: Threads.

    Returns:
        For mAP and AUROC of each encoder mean and standard deviation over seeds; ``interval``, over
        other patients, of the mean; and ``lead`` over the first encoder with its interval.
        Nothing where the mean would tell the score of one small class.
    """
    level = evaluation.bootstrap.level
    given = {
        name: [
            scored(test.labels, one, test.classes, test.patient, level, workers=workers)
            for one in seeds
        ]
        for name, seeds in found.items()
    }
    classes = next(iter(given.values()))[0][0]
    told = {name: score for name, score in classes.items() if score.ap is not None}
    if tells_one_small([score.is_small(evaluation.min_cell) for score in told.values()]):
        return {}
    kept = {name: [of_classes(one, [*told]) for one in seeds] for name, seeds in given.items()}
    first = next(iter(kept.values()))
    before = means_of(first)[0]
    rows: dict[str, dict[str, object]] = {}
    for name, seeds in kept.items():
        means, ends = means_of(seeds)
        leads = difference(seeds, first)
        rows[name] = {}
        for metric, shown in NAMES.items():
            each, others = ([getattr(mean, metric) for mean in side] for side in (means, before))
            rows[name][shown] = {
                **mean_sd(each),
                "interval": ends[f"{shown}_interval"],
                "lead": fmean(each) - fmean(others),
                "lead_interval": leads[f"{shown}_interval"],
            }
    return rows


def table_text(results: Results) -> str:
    """The results as Markdown."""
    rows: list[list[str]] = []
    for name, row in results["encoders"].items():
        cells = [f"`{name}`"]
        for score in NAMES.values():
            cells += [mean_sd_text(row[score]), _ends(row[score]["interval"])]
            lead = (
                f"{number_text(row[score]['lead'], '+')} {_ends(row[score]['lead_interval'], '+')}"
            )
            cells.append(lead if rows else "")
        rows.append(cells)
    columns = [c.format(s) for s in NAMES.values() for c in ("{}", "interval", "over the first")]
    data = "Synthetic data" if results["data"] == "synthetic" else "Real data"
    parts = (
        f"# {results['title']}",
        f"{data}, {results['studies']} test studies, heads over the maps of images alone: mean "
        f"± standard deviation over the seeds {results['seeds']}, and {100 * results['level']:g} % "
        f"intervals over other patients. {results['views']} augmented views of each image, "
        f"{results['epochs']} epochs.",
        markdown_table(["encoder", *columns], rows),
    )
    return "\n\n".join(parts) + "\n"


def _ends(bounds: Sequence[float] | None, sign: str = "-") -> str:
    return "" if bounds is None else f"[{', '.join(number_text(end, sign) for end in bounds)}]"


def compare(encoders: Sequence[str], views: int) -> None:
    """Write and print the table of some encoders.

    Raises:
        CamchexError: Naming the encoder that cannot be compared.
    """
    given = read_sections()
    classes = given.labels.classes
    cohort = tables.read(COHORT, schemas.cohort(classes))
    tables.require_disjoint_patients(cohort)
    test = labelled_split(cohort, "test", classes)
    found: dict[str, list[Floats]] = {}
    for name in encoders:
        try:
            folders = encoder_folders(name, given.encoder, classes)
            found[name] = [
                read_probabilities(head_of(name, folders, seed, views, given), test)
                for seed in given.seeds
            ]
        except CamchexError as error:
            raise type(error)(f"--encoder {name}: {error}") from error
    results = {
        "title": "Image encoders",
        "data": origin(params.load("data.root", Path)),
        "seeds": given.seeds,
        "views": views,
        "epochs": load_section("fusion", FusionParams).training.epochs,
        "studies": len(test.labels),
        "level": given.evaluation.bootstrap.level,
        "encoders": encoder_table(test, found, given.evaluation, given.runtime.workers),
    }
    write_results(results, OUT)
    write_text(OUT.with_suffix(".md"), table_text(results))


def main() -> int:
    """Compare the encoders of the command line."""
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m ablations.encoders", description=summary)
    parser.add_argument("--encoder", action="append", help="folder or name; repeatable")
    parser.add_argument("--views", type=int, default=1, help="augmented views of each image; 1")
    asked = parser.parse_args()
    if asked.views < 1:
        parser.error(f"--views {asked.views}: at least 1, since maps are kept")
    try:
        if params.load("runtime", RuntimeParams).portable and not arithmetic.is_pinned():
            # Libraries read these variables while they are loaded: begin again, with them set.
            command = [sys.executable, *sys.orig_argv[1:]]
            os.execve(sys.executable, command, arithmetic.pinned(os.environ))  # noqa: S606 - ours
        compare(list(dict.fromkeys(asked.encoder or ENCODERS)), asked.views)
    except CamchexError as error:
        sys.exit(f"error: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
