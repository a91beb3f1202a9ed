"""``camchex check --stores``: prepared images held against the checksums written with them."""

from pathlib import Path

from camchex.check.canonical_tables import CheckedTable
from camchex.contract.image_store import CONTENTS, ImageStore
from camchex.contract.rules import Problem
from camchex.errors import DataError


def check_stores(folder: Path) -> list[CheckedTable]:
    """Read every image store in a folder and compare its checksums; damage is a result, no error.

    Args:
        folder: Holds image stores, at any depth.

    Raises:
        DataError: If the folder holds no image store.
    """
    checked = []
    for path in sorted(folder.rglob(CONTENTS)):
        try:
            store = ImageStore(path.parent)
            store.verify()
        except (DataError, OSError) as error:
            checked.append(CheckedTable(path.parent, None, (Problem(None, str(error)),)))
        else:
            checked.append(CheckedTable(path.parent, len(store), ()))
    if not checked:
        raise DataError(f"{folder}: holds no image store ({CONTENTS}). `dvc repro` makes them.")
    return checked
