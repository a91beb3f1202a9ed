"""``camchex check --stores``: prepared images held against the checksums written with them."""

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from camchex.check.canonical_tables import CheckedTable
from camchex.contract.image_store import CONTENTS, INDEX, SHARDS, ImageStore
from camchex.contract.rules import Problem
from camchex.errors import DataError


def check_stores(folder: Path) -> list[CheckedTable]:
    """Read every image store in a folder and compare its checksums; damage is a result, no error.

    Args:
        folder: Holds image stores, at any depth, also behind symbolic links.

    Raises:
        DataError: If the folder holds no image store.
    """
    checked = []
    for path in sorted(_stores(folder)):
        try:
            store = ImageStore(path)
            store.verify()
        except (DataError, OSError) as error:
            checked.append(CheckedTable(path, None, (Problem(None, str(error)),)))
        else:
            checked.append(CheckedTable(path, len(store), ()))
    if not checked:
        raise DataError(f"{folder}: holds no image store ({CONTENTS}). `dvc repro` makes them.")
    return checked


def _stores(folder: Path) -> Iterator[Path]:
    """Yield each folder that holds any part of a store, once; hidden ones are unfinished."""
    seen = set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        folders[:] = sorted(name for name in folders if name[0] != "." and real not in seen)
        if real not in seen and any(map(_is_part, [*files, *folders])):
            yield Path(path)
        seen.add(real)


def _is_part(name: str) -> bool:
    return name in {CONTENTS, INDEX} or fnmatch(name, SHARDS)
