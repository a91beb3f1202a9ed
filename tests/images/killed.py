"""Work that ends its process; in a module of its own, which a process imports quickly."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from camchex.contract.image_store import ImageParams
from camchex.images import shards
from camchex.images.prepare import prepare_images
from camchex.images.workers import Outcome, prepare_files


def die(*_: object, **__: object) -> list[Outcome]:
    os._exit(9)


def die_of_one(files: Sequence[Path], params: ImageParams, **_: object) -> list[Outcome]:
    if any(file.stem == "07" for file in files):
        os._exit(9)
    return prepare_files(files, params)


def prepare_until_killed(table: pa.Table, params: ImageParams, megabyte: int, call: int) -> None:
    """Prepare ``root``, and be killed where the ``call``-th file would be safely on the disk."""
    calls: list[int] = []

    def fsync(number: int) -> None:
        calls.append(number)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync, shards.MEGABYTE = fsync, megabyte
    prepare_images(table, Path("root"), Path("out"), params, 0)
