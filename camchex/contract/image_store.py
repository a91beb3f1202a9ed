"""Prepared images on disk: JPEGs in memory-mapped Arrow files, read at random by position.

A store is a folder, written by :mod:`camchex.images.shards`::

    shards.json         side of the images, rows of each shard, and every file's SHA-256
    shard-00000.arrow   one record batch (SHARD), in the order of the index
    index.arrow         schemas.IMAGE_INDEX, one record batch, sorted by image id
    quarantine.parquet  schemas.QUARANTINE: files that could not be read, or show nothing
    notes.parquet       schemas.IMAGE_NOTES: images that contradict themselves, and what was decided

A damaged memory map can kill the process that reads it. So the checksums of all files are compared
before the first is mapped, and offsets are looked at before they are followed.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import simplejpeg
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from camchex.contract import schemas
from camchex.contract.checksums import again, require_checksums, require_unchanged
from camchex.contract.params import Section
from camchex.errors import DataError, counted

Fit = Literal["stretch", "pad"]
MOST_PX = 8192  # side of an image: more than any X-ray detector has
LARGEST_SHARD_MB = 1024  # 32-bit offsets end at 2 GiB, and a shard ends after it is full
SHARD = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("jpeg", pa.binary(), nullable=False),  # 8-bit grey, (size, size)
        *schemas.IMAGE_INDEX.remove(0),  # the index repeats them
    ]
)
CONTENTS, INDEX, SHARDS = "shards.json", "index.arrow", "shard-*.arrow"
QUARANTINE, NOTES = "quarantine.parquet", "notes.parquet"


class ImagePreparation(Section):
    """The keys of section ``images`` that decide the pixels of a prepared image."""

    size: int = Field(ge=8, le=MOST_PX)  #: pixels of either side of a prepared image
    fit: Fit  #: how an image becomes a square: stretched, or padded, which keeps the aspect
    #: quality of the prepared images, which are kept as JPEG
    jpeg_quality: int = Field(ge=1, le=100)


class ImageParams(ImagePreparation):
    """Section ``images``."""

    #: megabytes; a shard of the store is closed once it is this large
    shard_mb: int = Field(ge=1, le=LARGEST_SHARD_MB)
    #: share of unreadable images in a data set above which the stage fails
    max_unreadable: float = Field(ge=0, le=1)


class Shard(Section):
    """One Arrow file of a store."""

    file: str
    rows: int = Field(ge=1)
    sha256: str


class StoreContents(Section):
    """Content of ``shards.json``: the parts of a store, and a checksum of this file itself."""

    size: int = Field(ge=1)  # pixels of either side of every image
    index_sha256: str
    lists_sha256: dict[str, str]  # of QUARANTINE and NOTES
    shards: tuple[Shard, ...]
    own_sha256: str = ""  # of all of the above

    @property
    def sha256(self) -> str:
        """SHA-256 of everything else in the file, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json(exclude={"own_sha256"}).encode()).hexdigest()

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of the other files of the store, by name."""
        shards = {shard.file: shard.sha256 for shard in self.shards}
        return {INDEX: self.index_sha256} | self.lists_sha256 | shards


class ImageStore:
    """Grey images by position or by id; cheap to open, to pickle and to read at random.

    A pickled store carries its folder only, and is opened again where it arrives: the workers of a
    data loader share the pages of the memory maps and nothing else.

    Args:
        folder: Folder written by :func:`camchex.images.prepare.prepare_images`.

    Raises:
        DataError: If the folder, its index or one of its shards is missing or has changed since
            it was written. Files of unchanged size and times are read for this only once.
    """

    def __init__(self, folder: Path) -> None:
        require_unchanged(folder, _contents(folder).checksums)
        self.__setstate__(folder)

    def __getstate__(self) -> Path:
        return self.folder

    def __setstate__(self, folder: Path) -> None:
        self.folder = folder
        self.contents = _contents(folder)
        self._starts = [0, *accumulate(shard.rows for shard in self.contents.shards)]
        self._index = _mapped(folder / INDEX, schemas.IMAGE_INDEX, self._starts[-1])
        self._ids = self._index["image_id"]
        self._shards: dict[int, tuple[NDArray[np.int32], NDArray[np.uint8]]] = {}

    @property
    def size(self) -> int:
        """Pixels of either side of every image."""
        return self.contents.size

    @property
    def image_ids(self) -> list[str]:
        """Ids of all images, ascending; every call makes a new list."""
        ids: list[str] = self._ids.to_pylist()
        return ids

    @property
    def index(self) -> pa.RecordBatch:
        """Every image: ``schemas.IMAGE_INDEX``, in a memory map."""
        return self._index

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, image_id: object) -> bool:
        if not isinstance(image_id, str):
            return False
        at = bisect_left(range(len(self)), image_id, key=self._id)
        return at < len(self) and self._id(at) == image_id

    def __getitem__(self, position: int) -> NDArray[np.uint8]:
        """Read one image by its position, (size, size)."""
        image: NDArray[np.uint8] = self.batch([position])[0]
        return image

    def rows(self, image_ids: Sequence[str]) -> NDArray[np.int64]:
        """Find the positions of images, in the order of ``image_ids``.

        Raises:
            DataError: If an image is not in the store.
        """
        wanted = pa.array(image_ids, pa.string())
        found = pc.index_in(wanted, value_set=self._ids)
        if found.null_count:
            lost = wanted.filter(pc.is_null(found))
            raise DataError(
                f"{self.folder}: {len(lost)} of {len(wanted)} images are not in the store, first "
                f"{lost[0].as_py()}. {QUARANTINE} says which files could not be read."
            )
        return np.asarray(found, dtype=np.int64)

    def batch(self, positions: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read several images by position, (n, size, size).

        Raises:
            DataError: If a shard is damaged.
            IndexError: If a position lies outside the store.
        """
        images = np.empty((len(positions), self.size, self.size), dtype=np.uint8)
        for image, position in zip(images, positions, strict=True):
            try:
                found = simplejpeg.decode_jpeg(self._jpeg(int(position)), "GRAY", buffer=image)
                if found.shape[:2] != image.shape:
                    raise ValueError(f"its shape is {found.shape[:2]}")  # noqa: TRY301 - as below
            except ValueError as error:
                shard = self.folder / self.contents.shards[self._place(int(position))[0]].file
                raise DataError(
                    f"{shard}: image {self._id(position)} is damaged: {error}. {again(shard)}"
                ) from error
        return images

    def verify(self) -> None:
        """Read every file and compare its checksum, whatever its times are.

        Raises:
            DataError: Naming a file that is missing, has changed, or is none of the store's.
        """
        expected = self.contents.checksums
        require_checksums(self.folder, expected)
        for path in sorted(self.folder.glob(SHARDS)):
            if path.name not in expected:
                raise DataError(f"{path}: {CONTENTS} does not know it. {again(path)}")

    def _jpeg(self, position: int) -> NDArray[np.uint8]:
        number, row = self._place(position)
        if number not in self._shards:
            shard = self.contents.shards[number]
            self._shards[number] = _jpegs(self.folder / shard.file, shard.rows)
        offsets, jpegs = self._shards[number]
        return jpegs[offsets[row] : offsets[row + 1]]

    def _place(self, position: int) -> tuple[int, int]:
        """Number of the shard of an image, and its row there."""
        position = range(len(self))[position]  # from the end if negative
        number = bisect_right(self._starts, position) - 1
        return number, position - self._starts[number]

    def _id(self, position: int) -> str:
        image_id: str = self._ids[int(position)].as_py()
        return image_id


def _mapped(path: Path, schema: pa.Schema, rows: int) -> pa.RecordBatch:
    """Map a file of one record batch whose offsets lie within it."""
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        batch.validate(full=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be opened: {error}. {again(path)}") from error
    if not batch.schema.equals(schema):
        raise DataError(f"{path}: its schema is\n{batch.schema}\nexpected\n{schema}. {again(path)}")
    if len(batch) != rows:
        found = counted(len(batch), "image")
        raise DataError(f"{path}: {found}, but {CONTENTS} says {rows}. {again(path)}")
    return batch


def _jpegs(path: Path, rows: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Map the JPEGs of a shard, one after the other; their starts and the end are copied."""
    _, offsets, data = _mapped(path, SHARD, rows)["jpeg"].buffers()
    return np.frombuffer(offsets, np.int32)[: rows + 1].copy(), np.frombuffer(data, np.uint8)


def _contents(folder: Path) -> StoreContents:
    path = folder / CONTENTS
    if not path.exists():
        raise DataError(f"{folder}: not an image store (no {CONTENTS}). `dvc repro` makes it.")
    try:
        contents = StoreContents.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"{path}: {error}. {again(path)}") from error
    if contents.own_sha256 != contents.sha256:
        raise DataError(f"{path}: its checksum is not that of its content. {again(path)}")
    return contents
