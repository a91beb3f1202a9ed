"""Probabilities of whole studies, also of the same studies with some of their inputs changed.

What is costly is computed once: of a batch of studies, each image is encoded once in either
direction, and each text once, however many changed studies read them. What a batch gives follows
from its studies alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from camchex.contract.image_store import ImageStore
from camchex.contract.tables import predictions_table
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import first_images, image_groups
from camchex.fusion.image_maps import StudyMaps
from camchex.fusion.params import FusionArchitecture
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_data import StudySamples, reader_of
from camchex.networks.batches import Floats, Rows, batch_loader, check_size, to_unit_range
from camchex.networks.inference import Part, mean_of_looks, on_all_devices, probabilities
from camchex.networks.params import Precision
from camchex.networks.samples import ImageDataset, ImageSamples
from camchex.networks.sampling import BatchRows
from camchex.prediction.batches import autocast, studies_per_batch
from camchex.prediction.kept_batches import kept_for, prediction_key
from camchex.prediction.params import SINGLE, PredictionParams
from camchex.prediction.shared_inputs import encode, images_by_encoder, read_once
from camchex.runs.parts import Part as PartOfWork
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams


@dataclass(frozen=True)
class Variant:
    """Some of the studies, as they are or with other inputs.

    Attributes:
        samples: What is read of these studies.
        rows: Which they are among all studies, ascending, (n,).
    """

    samples: StudySamples
    rows: Rows

    def within(self, batch: BatchRows) -> Rows:
        """Find the studies of a batch of consecutive studies: positions in ``samples``."""
        start, stop = np.searchsorted(self.rows, [batch.rows[0], batch.rows[-1] + 1])
        return np.arange(start, stop)


@dataclass(frozen=True)
class Reading:
    """What the model reads of one variant in one batch.

    Attributes:
        samples: One entry per reading, with the images that are read, (R).
        owners: The study of each reading, ascending, (R,).
        places: The studies' rows of the result, (n,).
    """

    samples: StudySamples
    owners: Rows
    places: Rows


def predict_studies(model: CaMChex, samples: StudySamples, runtime: RuntimeParams) -> pa.Table:
    """Predict studies: a table of ``schemas.predictions`` in their order.

    Raises:
        ModelError: If the images do not fit the model.
    """
    whole = Variant(samples, np.arange(len(samples)))
    return predict_variants(model, {"": whole}, runtime)[""]


@torch.inference_mode()
def predict_variants(
    model: CaMChex,
    variants: Mapping[str, Variant],
    runtime: RuntimeParams,
    out: Path | None = None,
    params: PredictionParams = SINGLE,
    *,
    part: PartOfWork | None = None,
) -> dict[str, pa.Table]:
    """Predict variants of the same studies together, averaged over images and their mirrors.

    Several devices share the batches of studies; afterwards each of their processes has all.

    Args:
        model: The model.
        variants: By name, at least one; all of one image store.
        runtime: Section ``runtime``.
        out: First file or folder that is made of the predictions. If they are interrupted, the next
            call for it goes on where they were, and ends with the same bytes, provided that code,
            model, studies and kind of device are the same. None: they start anew.
        params: Section ``prediction``.
        part: Which of the batches are predicted, and kept for the call without it; None: all.

    Returns:
        Predictions of each variant, ``schemas.predictions`` in the order of its studies; of a part,
        nothing.

    Raises:
        DataError: If a kept result is damaged, or another process makes this part.
        ModelError: If the images do not fit the model, or a probability is not a number.
        ParamsError: If there is no such device, or the device lacks the precision.

    Source: docs/method.md, section 8 (test-time augmentation of CheXFusion and of the release).
    """
    samples = [variant.samples for variant in variants.values()]
    check_size(_images(samples[0].store, [])[0], model.image_size)
    total = 1 + max(int(variant.rows.max(initial=-1)) for variant in variants.values())
    ends = np.cumsum([0, *map(len, samples)])
    shape = (int(ends[-1]), len(model.classes))
    placed = list(zip(ends.tolist(), variants.values(), strict=False))
    read = [(variant.samples, variant.rows) for variant in variants.values()]
    precision, size = params.precision, studies_per_batch(model, params)
    key = partial(prediction_key, model, read, runtime, precision)
    with kept_for(out, key, part) as kept:

        def by_batch(batches: Sequence[BatchRows], device: torch.device) -> Iterator[Part]:
            if part:
                chosen = part.of(-(-total // size(device)))
                batches = [b for b in batches if b.rows[0] // size(device) in chosen]
            else:
                yield from (kept.read(batch) for batch in batches if kept.has(batch))
            lacking = [batch for batch in batches if not kept.has(batch)]
            parts = _predict_batches(model, placed, runtime, lacking, (device, precision))
            for batch, result in zip(lacking, parts, strict=True):
                kept.write(batch, result)
                yield result

        found = on_all_devices(model, total, shape, runtime, by_batch, size)
    if part:
        return {}
    return {
        name: predictions_table(of.study_ids, of.splits, found[start:end], model.classes)
        for name, of, (start, end) in zip(variants, samples, pairwise(ends), strict=True)
    }


def readings(samples: StudySamples, fusion: FusionArchitecture) -> tuple[StudySamples, Rows]:
    """List what the model reads: each study once, or under ``average`` each group of its images.

    Returns:
        One entry per reading, with the images that are read, (R), and the row in ``samples`` of its
        study, ascending, (R,).
    """
    most = fusion.max_images if "images" in fusion.inputs else 0
    if fusion.beyond_max_images == "average" and most:
        groups = [image_groups(lateral, most) for lateral in samples.lateral]
    else:
        groups = [[first_images(lateral, most)] for lateral in samples.lateral]
    owners = np.repeat(np.arange(len(samples)), [len(of_study) for of_study in groups])
    repeated = samples.take(owners)
    chosen = [group for of_study in groups for group in of_study]
    return replace(
        repeated,
        rows=[rows[group] for rows, group in zip(repeated.rows, chosen, strict=True)],
        lateral=[views[group] for views, group in zip(repeated.lateral, chosen, strict=True)],
    ), owners


def mean_by_study(probabilities: Floats, owners: Rows) -> Floats:
    """Average the probabilities of readings (R, Q) over studies: (S, Q).

    ``owners`` is the study of each reading, ascending, (R,).
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    counts = np.diff(starts, append=len(owners))
    sums = np.add.reduceat(probabilities, starts) if len(owners) else probabilities
    return (sums / counts[:, None]).astype(np.float32)


def _predict_batches(
    model: CaMChex,
    variants: Sequence[tuple[int, Variant]],
    runtime: RuntimeParams,
    batches: Sequence[BatchRows],
    arithmetic: tuple[torch.device, Precision | None],
) -> Iterator[Part]:
    """Predict batches of studies on a device, of each variant that has some of them.

    ``variants`` come with their first row of the result.
    """
    read = [
        [
            Reading(*readings(of.samples.take(rows), model.config.fusion), start + rows)
            for start, of in variants
            if len(rows := of.within(batch))
        ]
        for batch in batches
    ]
    needed = [images_by_encoder(model, [one.samples for one in of]) for of in read]
    wanted = [np.unique(np.concatenate(by_encoder)) for by_encoder in needed]
    images, each = _images(variants[0][1].samples.store, wanted)
    most = max(map(len, wanted), default=1)
    device, precision = arithmetic
    for number, batch in enumerate(
        progress(batch_loader(images, each, most, runtime), "predicting", len(each))
    ):
        pixels = to_unit_range(batch.inputs.to(device))
        with autocast(device, precision):
            maps = encode(model, pixels, wanted[number], needed[number])
            found = _predict_readings(model, maps, read[number])
        yield found


def _images(store: ImageStore, batches: Sequence[Rows]) -> tuple[ImageDataset, list[BatchRows]]:
    """Images of a store, (M), and batches of them, each with its positions in the store."""
    rows = np.concatenate([np.empty(0, np.int64), *batches])
    ends = np.cumsum([0, *map(len, batches)])
    images = ImageSamples(store, rows, np.empty((len(rows), 0), np.float32))
    return ImageDataset([images]), [BatchRows(0, np.arange(*both)) for both in pairwise(ends)]


def _predict_readings(model: CaMChex, maps: StudyMaps, readings: Sequence[Reading]) -> Part:
    """Predict all that is read of one batch of studies: rows of the result, and their values."""
    samples, views = [read.samples for read in readings], len(maps.views)
    if model.config.fusion.architecture == "mmbt":
        looks = (_looks(model, maps, one) for one in samples)
        found = [[probabilities(model, look) for look in each] for each in looks]
    else:
        read_by_input = read_once(model, maps, samples)
        found = [[*probabilities(model.fuse, both).chunk(views)] for both in read_by_input]
    values = [
        mean_by_study(mean_of_looks(each).cpu().numpy(), read.owners)
        for each, read in zip(found, readings, strict=True)
    ]
    places = np.concatenate([read.places for read in readings])
    return torch.from_numpy(places), torch.from_numpy(np.concatenate(values))


def _looks(model: CaMChex, maps: StudyMaps, samples: StudySamples) -> list[StudyBatch]:
    """Batches of the same studies, each with one view of the maps of their images."""
    rows, lateral = np.concatenate(samples.rows), np.concatenate(samples.lateral)
    views = [maps.read(rows, lateral, view) for view in range(len(maps.views))]
    texts = samples.indications, samples.vitals
    studies = reader_of(model).read(views[0], samples.lateral, *texts)
    studies = studies.to(next(model.parameters()).device)
    return [replace(studies, images=view) for view in views]
