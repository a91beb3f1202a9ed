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


@pytest.mark.parametrize("kept", ["shards.json", "index.arrow", "shard-00000.arrow"])
def test_what_is_left_of_a_store_is_one_that_is_damaged(folder: Path, kept: str) -> None:
    for path in (folder / "mimic").iterdir():
        if path.name != kept:
            path.unlink()
    whole, damaged = check_stores(folder)
    assert not whole.problems
    assert damaged.problems


def test_stores_behind_links_are_checked_once_and_unfinished_ones_not_at_all(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "linked").symlink_to(folder / "mimic")
    (other / "round").symlink_to(other)
    (folder / "mimic").rename(folder / ".mimic.unfinished")
    (folder / ".mimic.unfinished" / "shard-00000.arrow").write_text("half")
    (other / "linked").unlink()
    (other / "linked").symlink_to(folder / "external")
    assert [one.path for one in check_stores(other)] == [other / "linked/nih"]
    assert [one.path for one in check_stores(folder)] == [folder / "external/nih"]


def test_a_shard_too_many_is_found(folder: Path) -> None:
    (folder / "mimic/shard-00009.arrow").write_text("of another run")
    _, damaged = check_stores(folder)
    assert "shard-00009.arrow: shards.json does not know it" in damaged.problems[0].what


def test_a_folder_in_place_of_a_file_is_found(folder: Path) -> None:
    (folder / "mimic/shards.json").unlink()
    (folder / "mimic/shards.json").mkdir()
    _, damaged = check_stores(folder)
    assert "Is a directory" in damaged.problems[0].what


@pytest.mark.parametrize("name", ["quarantine.parquet", "notes.parquet"])
def test_a_damaged_list_is_found(tmp_path: Path, name: str) -> None:
    writer = ShardWriter(tmp_path, SIZE, shard_mb=1)
    (tmp_path / name).write_text("a list")
    writer.close()
    assert not check_stores(tmp_path)[0].problems
    (tmp_path / name).write_text("A list")
    assert f"{name}: its SHA-256 is not" in check_stores(tmp_path)[0].problems[0].what
    (tmp_path / name).unlink()
    assert f"{name}: cannot be read" in check_stores(tmp_path)[0].problems[0].what
