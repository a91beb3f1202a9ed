"""Feature maps of frozen image encoders, computed once per image and kept on disk.

A folder below ``MAPS`` holds the maps of some images, as one encoder sees them in one view: as they
are, or augmented with one seed. Its name is a digest of all that they follow from, so that maps of
another encoder, image, augmentation or code are never read. Maps tell of patients: they stay on
this machine. A file holds ``IMAGES`` maps and appears when it is complete, so that a killed filling
goes on where it was.
"""

import hashlib
import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor, nn

from camchex.contract import arithmetic
from camchex.contract.files import sha256, whole_file
from camchex.contract.image_store import ImageStore
from camchex.errors import DataError, ModelError
from camchex.networks import image_encoder, portable, transformers_backbone
from camchex.networks.batches import Rows, to_unit_range
from camchex.networks.image_encoder import ImageEncoder
from camchex.networks.sampling import derived_seed
from camchex.runs.devices import device_of
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams

MAPS = Path(".camchex/maps")
IMAGES = 32  # in a file, and encoded at a time
GIB = 2**30
CODE = (__file__, image_encoder.__file__, transformers_backbone.__file__, portable.__file__)
LIBRARIES = ("torch", "timm", "transformers", "kornia")
KEY = "maps"


@dataclass(frozen=True)
class View:
    """A way to look at images: augmented with a seed, or as they are.

    Attributes:
        augment: Changes images (M, 1, H, W) in [0, 1]; None: they stay.
        follows_from: Code and parameters of ``augment``.
        seed: Of the augmentation.
    """

    augment: nn.Module | None = None
    follows_from: str = ""
    seed: int = 0


@dataclass(frozen=True)
class EncoderMaps:
    """Maps of N images by one encoder in one view.

    Attributes:
        folder: Folder of the files.
        rows: Positions of the images in their store, ascending, (N,).
        shape: Shape (C, h, w) of a map.
    """

    folder: Path
    rows: Rows
    shape: tuple[int, int, int]

    def read(self, rows: Rows) -> Tensor:
        """Read the maps of some images: (n, C, h, w), float32.

        Raises:
            DataError: If a file is missing or damaged.
        """
        places = np.searchsorted(self.rows, rows)
        found = torch.empty(len(rows), *self.shape)
        for number in np.unique(places // IMAGES):
            path = self.folder / file_name(number)
            try:
                with safe_open(path, framework="pt") as file:
                    maps = file.get_slice(KEY)
                    for at in np.flatnonzero(places // IMAGES == number):
                        row = int(places[at] % IMAGES)
                        found[at] = maps[row : row + 1][0]
            except (OSError, SafetensorError, IndexError) as error:
                raise DataError(
                    f"{path}: cannot be read: {error}. Delete {self.folder}, and run this again"
                ) from error
        return found


@dataclass(frozen=True)
class HeldMaps:
    """Maps of N images by one encoder in one view, in memory.

    Attributes:
        rows: Positions of the images in their store, ascending, (N,).
        maps: The maps, (N, C, h, w); of no image, also (0, 0, 0, 0).
    """

    rows: Rows
    maps: Tensor

    @property
    def shape(self) -> Sequence[int]:
        """Shape (C, h, w) of a map."""
        return self.maps.shape[1:]

    def read(self, rows: Rows) -> Tensor:
        """Select the maps of some images: (n, C, h, w)."""
        return self.maps[torch.from_numpy(np.searchsorted(self.rows, rows))]


@dataclass(frozen=True)
class StudyMaps:
    """Maps of the images of studies: of every view, by one encoder, or by those of both views."""

    views: Sequence[Sequence[EncoderMaps | HeldMaps]]

    def read(self, rows: Rows, lateral: NDArray[np.bool_], epoch: int) -> Tensor:
        """Read the maps of some images as one epoch sees them: (n, C, h, w), float32.

        Epoch e sees view e modulo the number of views. C is that of the encoder with the most
        channels; the further channels of the other one are 0.

        Args:
            rows: Positions of the images in their store, (n,).
            lateral: Which of them are lateral, (n,).
            epoch: Number of the epoch, from 0.
        """
        by_encoder = self.views[epoch % len(self.views)]
        owner = lateral.astype(int) if len(by_encoder) > 1 else np.zeros(len(rows), int)
        channels, *size = np.max([maps.shape for maps in by_encoder], axis=0).tolist()
        places = [np.flatnonzero(owner == number) for number in range(len(by_encoder))]
        parts = [maps.read(rows[at]) for maps, at in zip(by_encoder, places, strict=True)]
        found = parts[0].new_zeros(len(rows), channels, *size)
        for at, part in zip(places, parts, strict=True):
            if len(at):
                found[at, : part.shape[1]] = part
        # As encoders lay them out: in another layout, convolutions sum in another order.
        return found.contiguous(memory_format=torch.channels_last)


def file_name(number: int) -> str:
    """Name the file of maps ``number * IMAGES`` and the following."""
    return f"{number:06d}.safetensors"


def keep_study_maps(
    encoders: Sequence[ImageEncoder],
    store: ImageStore,
    images: tuple[Rows, NDArray[np.bool_]],
    views: Sequence[View],
    runtime: RuntimeParams,
) -> StudyMaps:
    """Compute the maps of images, but for those that are kept already.

    Args:
        encoders: The frozen encoder of all images; or that of frontal, and that of lateral ones.
        store: The images.
        images: Positions in the store, (n,), and which of them are lateral, (n,).
        views: What the epochs see, one after the other.
        runtime: Where to compute.

    Raises:
        DataError: If the disk has no room for them, or an image is damaged.
        ModelError: If the encoders of frontal and lateral images give maps of two sizes.
    """
    rows, lateral = images
    sides = [~lateral, lateral] if len(encoders) > 1 else [np.ones_like(lateral)]
    tasks = []
    for encoder, side in zip(encoders, sides, strict=True):
        seen, shape = np.unique(rows[side]), map_shape(encoder)
        given = _digest(encoder, store, seen, runtime)
        folders = [MAPS / _digest_of(given, view.follows_from, str(view.seed)) for view in views]
        tasks.append([EncoderMaps(folder, seen, shape) for folder in folders])
    require_one_size([maps[0].shape[1:] for maps in tasks])
    _require_room([one for maps in tasks for one in maps])
    # Of several trainings that need the same maps, each computes what the others do not; then it
    # waits for what they have not finished.
    for seconds in (0, -1):
        for encoder, maps in zip(encoders, tasks, strict=True):
            for view, one in zip(views, maps, strict=True):
                with suppress(Timeout):
                    _fill(one, encoder.eval(), store, (view, device_of(runtime)), seconds)
    return StudyMaps(list(zip(*tasks, strict=True)))


def require_one_size(sizes: Sequence[Sequence[int]]) -> None:
    """Raise a ModelError unless the maps (h, w) of all encoders are of one size."""
    if sizes[0] != sizes[-1]:
        raise ModelError(f"the encoders of the two views give maps of two sizes: {[*sizes]}")


@torch.no_grad()
def map_shape(encoder: ImageEncoder) -> tuple[int, int, int]:
    """Find the shape (C, h, w) of the maps that a frozen encoder gives."""
    blank = torch.zeros(1, 1, encoder.image_size, encoder.image_size)
    channels, height, width = encoder.eval()(blank).shape[1:]
    return channels, height, width


def _digest(encoder: ImageEncoder, store: ImageStore, rows: Rows, runtime: RuntimeParams) -> str:
    """Digest of all that the maps of unaugmented images follow from."""
    weights = encoder.state_dict() | {"mean": encoder.mean, "std": encoder.std}
    return _digest_of(
        *(sha256(Path(file)) for file in CODE),
        *(f"{name} {version(name)}" for name in LIBRARIES),
        f"{device_of(runtime).type} {torch.backends.cpu.get_cpu_capability()}",
        f"portable {arithmetic.is_pinned()}, {encoder.image_size} px",
        encoder.params.model_dump_json(),
        hashlib.sha256(save({n: t.contiguous() for n, t in weights.items()})).hexdigest(),
        store.contents.own_sha256,
        hashlib.sha256(rows.tobytes()).hexdigest(),
    )


def _digest_of(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _lacking(maps: EncoderMaps) -> list[int]:
    """Numbers of the files that are not there yet."""
    numbers = range(-(-len(maps.rows) // IMAGES))
    return [number for number in numbers if not (maps.folder / file_name(number)).exists()]


def _require_room(kept: Sequence[EncoderMaps]) -> None:
    """Raise a DataError, before hours are spent, where the disk cannot hold all maps."""
    MAPS.mkdir(parents=True, exist_ok=True)
    needed = sum(len(_lacking(maps)) * IMAGES * 4 * math.prod(maps.shape) for maps in kept)
    free = shutil.disk_usage(MAPS).free
    if needed > free:
        raise DataError(
            f"{MAPS}: the maps of all images need {needed / GIB:.1f} GiB more, and "
            f"{free / GIB:.1f} GiB are free. Make room (older maps there may go), make it a "
            "link to a larger disk, or lower fusion.cached_views (0: every step encodes anew)"
        )


@torch.no_grad()
def _fill(
    maps: EncoderMaps,
    encoder: ImageEncoder,
    store: ImageStore,
    seen: tuple[View, torch.device],
    seconds: float,
) -> None:
    """Write the files that are lacking.

    Raises:
        Timeout: If another process has been filling the folder for ``seconds``; -1: wait for it.
    """
    view, device = seen
    maps.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(maps.folder.with_suffix(".lock"), timeout=seconds)
    with lock, torch.random.fork_rng(devices=[]):
        encoder.to(device)
        for number in progress(_lacking(maps), "encoding images once"):
            pixels = store.batch(maps.rows[number * IMAGES : (number + 1) * IMAGES])
            images = to_unit_range(torch.from_numpy(pixels)[:, None].to(device))
            torch.manual_seed(derived_seed(view.seed, number))
            found = encoder(view.augment(images) if view.augment else images)
            with whole_file(maps.folder / file_name(number)) as file:
                save_file({KEY: found.float().cpu().contiguous()}, file.name)
        encoder.to("cpu")
