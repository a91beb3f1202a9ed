"""Writing a store: shards of about equal size, then its index, then the folder's name."""

import hashlib
from pathlib import Path

import pyarrow as pa

from camchex import schemas, tables
from camchex.images.store import CONTENTS, INDEX, SHARD, Contents, Shard

MEGABYTE = 1_000_000


class ShardWriter:
    """Collects JPEGs into shards; :meth:`close` leaves a folder that ``ImageStore`` opens.

    Memory is bounded by one shard. The folder counts as a store only once it is closed.

    Args:
        folder: An empty folder.
        size: Pixels of either side of every image.
        shard_mb: A shard is written once its images reach this many megabytes.
    """

    def __init__(self, folder: Path, size: int, shard_mb: int) -> None:
        self._folder = folder
        self._size = size
        self._limit = shard_mb * MEGABYTE
        self._shards: list[Shard] = []
        self._index: list[dict[str, str | int]] = []
        self._waiting: list[tuple[str, bytes]] = []
        self._bytes = 0

    def add(self, image_id: str, jpeg: bytes) -> None:
        """Append an image; ids have to come in ascending order."""
        self._index.append(
            {"image_id": image_id, "shard": len(self._shards), "row": len(self._waiting)}
        )
        self._waiting.append((image_id, jpeg))
        self._bytes += len(jpeg)
        if self._bytes >= self._limit:
            self._write_shard()

    def close(self) -> None:
        """Write the last shard, the index and the checksums."""
        if self._waiting:
            self._write_shard()
        index = pa.Table.from_pylist(self._index, schema=schemas.IMAGE_INDEX)
        tables.write(index, self._folder / INDEX, schemas.IMAGE_INDEX)
        contents = Contents(size=self._size, shards=tuple(self._shards))
        (self._folder / CONTENTS).write_text(contents.model_dump_json(indent=2) + "\n")

    def _write_shard(self) -> None:
        path = self._folder / f"shard-{len(self._shards):05}.arrow"
        ids, jpegs = zip(*self._waiting, strict=True)
        batch = pa.record_batch([pa.array(ids), pa.array(jpegs, pa.binary())], schema=SHARD)
        with pa.ipc.new_file(path, SHARD) as writer:
            writer.write_batch(batch)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._shards.append(Shard(file=path.name, rows=len(ids), sha256=digest))
        self._waiting, self._bytes = [], 0
