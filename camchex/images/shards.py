"""Writing of an image store: shards of about equal size, then the index and the checksums."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from camchex.contract import schemas
from camchex.contract.files import sha256, whole_file, write_text
from camchex.contract.image_store import (
    CONTENTS,
    INDEX,
    NOTES,
    QUARANTINE,
    SHARD,
    Shard,
    StoreContents,
)
from camchex.images.stored_image import StoredImage

MEGABYTE = 1_000_000


class ShardWriter:
    """Collects JPEGs into shards; :meth:`close` leaves a folder that ``ImageStore`` opens.

    Memory is bounded by one shard. The folder counts as a store only once it is closed.

    Args:
        folder: An empty folder, or one that holds the shards ``written``.
        size: Pixels of either side of every image.
        shard_mb: A shard is written once its images reach this many megabytes.
        written: Shards of an earlier run, after which this one continues.

    Attributes:
        bytes: Bytes of all images so far.
    """

    def __init__(
        self, folder: Path, size: int, shard_mb: int, written: Sequence[Shard] = ()
    ) -> None:
        self._folder = folder
        self._size = size
        self._limit = shard_mb * MEGABYTE
        self._shards = list(written)
        self._waiting: list[tuple[str, StoredImage]] = []
        self._bytes = 0
        self.bytes = sum((folder / shard.file).stat().st_size for shard in written)

    def add(self, image_id: str, image: StoredImage) -> Shard | None:
        """Append an image, and return the shard that it fills; ids must ascend."""
        self._waiting.append((image_id, image))
        self._bytes += len(image.jpeg)
        self.bytes += len(image.jpeg)
        return self._write_shard() if self._bytes >= self._limit else None

    def close(self) -> None:
        """Write the last shard, the index and the checksums, also of lists that lie beside them."""
        if self._waiting:
            self._write_shard()
        parts = [schemas.IMAGE_INDEX.empty_table()]
        for shard in self._shards:
            with pa.ipc.open_file(pa.memory_map(str(self._folder / shard.file))) as file:
                part = pa.table(file.get_batch(0).select(schemas.IMAGE_INDEX.names))
            parts.append(part.cast(schemas.IMAGE_INDEX))
        columns = [column.combine_chunks() for column in pa.concat_tables(parts).columns]
        index = self._folder / INDEX
        _write(pa.record_batch(columns, schema=schemas.IMAGE_INDEX), index)
        lists = [self._folder / name for name in (QUARANTINE, NOTES)]
        contents = StoreContents(
            size=self._size,
            index_sha256=sha256(index),
            lists_sha256={path.name: sha256(path) for path in lists if path.exists()},
            shards=tuple(self._shards),
        )
        contents = contents.model_copy(update={"own_sha256": contents.sha256})
        write_text(self._folder / CONTENTS, contents.model_dump_json(indent=2) + "\n")

    def _write_shard(self) -> Shard:
        path = self._folder / f"shard-{len(self._shards):05}.arrow"
        ids, images = zip(*self._waiting, strict=True)
        columns = [ids, *zip(*images, strict=True)]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, SHARD, strict=True)]
        batch = pa.record_batch(arrays, schema=SHARD)
        _write(batch, path)
        shard = Shard(file=path.name, rows=len(ids), sha256=sha256(path))
        self._shards.append(shard)
        self._waiting, self._bytes = [], 0
        return shard


def _write(batch: pa.RecordBatch, path: Path) -> None:
    with whole_file(path) as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)
