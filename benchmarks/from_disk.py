"""From JPEG files on disk, decoded on the same cores, to the optimizer step: both ways.

Ours reads the image store that ``prepare_images`` makes once, at the training's size, through the
training's own loader. Theirs decodes and resizes the published files at every epoch, by the
release's route (``image_decode.py``), in the workers of a torch loader. Files are read from the
system's cache in both.
"""

from collections.abc import Sized
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import published_layout as published
import pyarrow as pa
import torch
from contest import Contest, Run, time_loop
from image_decode import QUALITY, full_size_xrays, release
from layouts import fusion_network, in_slots, parts_of, published_step
from torch.utils.data import DataLoader, Dataset

from camchex.contract import schemas
from camchex.contract.image_store import ImageParams, ImageStore
from camchex.estimate.probe import Timing, Window, time_training
from camchex.estimate.random_batches import POSITIVE, RepeatedBatches, images_of_studies
from camchex.estimate.random_networks import made_up_words
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import StudyDataset, StudySamples, reader_of
from camchex.images.prepare import prepare_images
from camchex.networks.batches import Batch
from camchex.networks.samples import prevalence
from camchex.networks.sampling import BatchRows
from camchex.training.augmentation import Augmentation
from camchex.training.task import Task

FILES = 24
INDICATION_TOKENS, VITALS_TOKENS = 15, 40  # of one study, without the special ones
FOLDERS: list[TemporaryDirectory[str]] = []  # kept until the process ends


class DecodedStudies(Dataset[published.SlotBatch]):
    """The published files, decoded in full at every epoch; an item is a batch.

    Args:
        samples: The studies; only their texts, labels and image rows are read.
        ours: Makes the same batch of them without images.
        paths: Of the JPEG files, by row.
        size: Side of an image, pixels.
    """

    def __init__(
        self, samples: StudySamples, ours: StudyDataset, paths: list[Path], size: int
    ) -> None:
        self.samples, self.ours, self.paths, self.size = samples, ours, paths, size

    def __getitem__(self, rows: list[int]) -> published.SlotBatch:
        batch: Batch = self.ours[BatchRows(0, np.array(rows))]
        positions = np.concatenate([self.samples.rows[row][: published.SLOTS] for row in rows])
        decoded = [torch.from_numpy(release(self.paths[p], self.size).copy()) for p in positions]
        return in_slots(batch.map_images(lambda _: torch.stack(decoded)[:, None]))


class _Unread(ImageStore):
    """A store whose images another route decodes."""

    def batch(self, rows: Sized) -> np.ndarray:
        """Nothing, in the right number."""
        return np.zeros((len(rows), 1, 1), dtype=np.uint8)


def written(folder: Path, size: int) -> list[Path]:
    """Full-size JPEG files, and their store in ``folder / store``."""
    xrays = list(full_size_xrays())
    names = [f"{number:03}.jpg" for number in range(FILES)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(xrays[number % len(xrays)])
    constant = {"dataset": "x", "patient_id": "x", "study_id": "x", "view": "frontal"}
    rows = [constant | {"image_id": n, "path": n, "view_source": "x"} for n in names]
    table = pa.Table.from_pylist(rows, schema=schemas.IMAGES)
    params = ImageParams(
        size=size, fit="stretch", jpeg_quality=QUALITY, shard_mb=256, max_unreadable=0
    )
    prepare_images(table, folder, folder / "store", params, 0, folder / "scratch")
    return [folder / name for name in names]


def studies_of(store: ImageStore, model: CaMChex, count: int) -> StudySamples:
    """Studies whose images are drawn from the files."""
    draw = np.random.default_rng(0)
    images = [min(n, published.SLOTS) for n in images_of_studies(count, draw)]
    words = np.array(made_up_words(model.tokenizer.size // 2))
    return StudySamples(
        store=store,
        study_ids=[str(number) for number in range(count)],
        splits=["train"] * count,
        rows=[draw.integers(0, len(store), n) for n in images],
        lateral=[np.arange(n) == 1 for n in images],
        indications=[" ".join(draw.choice(words, INDICATION_TOKENS)) for _ in images],
        vitals=[" ".join(draw.choice(words, VITALS_TOKENS)) for _ in images],
        targets=(draw.random((count, len(model.classes))) < POSITIVE).astype(np.float32),
    )


def files_on_disk(run: Run) -> Contest:
    """Stage 2 from files; the encoders are trained."""
    params, size, fusion = run.params, run.params.images.size, run.params.fusion
    cv2.setNumThreads(1)
    FOLDERS.append(TemporaryDirectory())
    folder = Path(FOLDERS[-1].name)
    paths = written(folder, size)
    model = fusion_network(run)
    studies = studies_of(
        ImageStore(folder / "store"), model, run.batch * (run.skip + run.steps + 2)
    )
    training = run.training(fusion.training)
    # Processor time is that of one process: on a CPU there are no others.
    workers = 0 if run.device.type == "cpu" else params.runtime.workers
    runtime = run.runtime.model_copy(update={"workers": workers})
    train = StudyDataset(studies, reader_of(model), seed=0)
    task = Task(
        network=model,
        augment=Augmentation(params.augmentation, size),
        train=train,
        development=RepeatedBatches([train[BatchRows(0, np.arange(1))]], 1, 0, size),
        prevalence=prevalence(studies.targets),
    )
    network = published.PublishedFusion(parts_of(params, model, frozen=False))
    step = published_step(run, network, fusion.training)
    unread = replace(studies, store=_Unread(folder / "store"))
    data = DecodedStudies(unread, StudyDataset(unread, reader_of(model)), paths, size)
    batches = np.arange(len(studies)).reshape(-1, run.batch).tolist()

    def theirs(window: Window) -> Timing:
        loader = DataLoader(
            data,
            sampler=batches,
            batch_size=None,
            num_workers=workers,
            pin_memory=run.device.type == "cuda",
            worker_init_fn=_one_thread,
        )
        return time_loop(lambda b: step(b.to(run.device)), loader, run.device, window)

    return Contest(
        "from files, encoders trained",
        "studies",
        lambda window: time_training(task, training, runtime, window),
        theirs,
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
