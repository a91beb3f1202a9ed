"""camchex check --stores: an image store is as it was written, or its damage is named."""

from pathlib import Path

import numpy as np
import pytest

from camchex.check import check_stores
from camchex.errors import DataError
from camchex.images.shards import ShardWriter
from camchex.images.stored_image import stored_image

SIZE = 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two stores below one folder."""
    image = stored_image(np.zeros((SIZE, SIZE), np.uint8), quality=95)
    for name in ("mimic", "external/nih"):
        (tmp_path / name).mkdir(parents=True)
        writer = ShardWriter(tmp_path / name, SIZE, shard_mb=1)
        for image_id in "abc":
            writer.add(image_id, image)
        writer.close()
    return tmp_path


def test_whole_stores_are_right_and_their_images_counted(folder: Path) -> None:
    found = [(store.path, store.rows, store.problems) for store in check_stores(folder)]
    assert found == [(folder / "external/nih", 3, ()), (folder / "mimic", 3, ())]


def test_a_flipped_bit_is_found(folder: Path) -> None:
    shard = folder / "mimic/shard-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    whole, damaged = check_stores(folder)
    assert not whole.problems
    assert f"{shard}: its SHA-256 is not" in damaged.problems[0].what


def test_a_missing_shard_is_found(folder: Path) -> None:
    (folder / "external/nih/shard-00000.arrow").unlink()
    damaged, whole = check_stores(folder)
    assert damaged.rows is None
    assert "No such file" in damaged.problems[0].what
    assert not whole.problems


def test_a_folder_without_stores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image store"):
        check_stores(tmp_path)
