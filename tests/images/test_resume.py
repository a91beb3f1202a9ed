"""Preparations that are stopped at every point, and what the next one makes of it."""

import errno
import os
import resource
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock
from PIL import Image

from camchex.contract.image_store import ImageParams
from camchex.errors import DataError
from camchex.images import parts, shards, workers
from camchex.images.prepare import Prepared, prepare_images, prepare_part
from camchex.images.unreadable import Note
from camchex.images.workers import Outcome, prepare_files
from camchex.runs.parts import Part
from tests.images.files import PARAMS, encoded, images_table, picture, saved
from tests.images.killed import prepare_until_killed
from tests.runs.forked import fork_processes, forks

FILES = 30
HALF = PARAMS.model_copy(update={"max_unreadable": 0.5})
TINY = 2000  # bytes that stand for a megabyte: a shard holds three or four images

Write = Callable[..., Prepared]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pa.Table:
    """Images of which every seventh is missing and every third noted, in a folder to run in."""
    for number in range(FILES):
        image = picture(60, 50, seed=number)
        content = encoded(Image.fromarray(image), "JPEG")
        if number % 3 == 1:
            content = encoded(Image.fromarray(image.astype(np.uint16) * 16), "PNG")
        if number % 7:
            saved(tmp_path / "root" / f"{number:02}.jpg", content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "MEGABYTE", TINY)
    return images_table([f"{number:02}.jpg" for number in range(FILES)])


def prepared(table: pa.Table, out: str, params: ImageParams = HALF, processes: int = 0) -> Prepared:
    return prepare_images(table, Path("root"), Path(out), params, processes)


def contents(folder: str) -> dict[str, str]:
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in Path(folder).iterdir()}


def stop(monkeypatch: pytest.MonkeyPatch, call: int, error: BaseException) -> None:
    """Let a preparation end where its ``call``-th file would be safely on the disk."""
    calls = []

    def fsync(_: int) -> None:
        calls.append(1)
        if len(calls) == call:
            raise error

    monkeypatch.setattr(os, "fsync", fsync)


def interrupted(monkeypatch: pytest.MonkeyPatch, table: pa.Table, out: str, call: int) -> None:
    with monkeypatch.context() as patch:
        stop(patch, call, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            prepared(table, out)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are looked at from now on."""
    names: list[str] = []

    def look(files: Sequence[Path], params: ImageParams, **_: object) -> list[Outcome]:
        names.extend(file.name for file in files)
        return prepare_files(files, params)

    monkeypatch.setattr(workers, "prepare_files", look)
    return names


def test_the_bytes_are_the_same_wherever_it_was_interrupted(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", calls.append)
        whole = prepared(table, "whole")
    assert whole.notes[Note.DEEP_PNG] == sum(n % 3 == 1 and n % 7 > 0 for n in range(FILES))
    assert len(calls) > 10  # a shard and the note of it, five times or more
    left = FILES
    for call in range(1, len(calls) + 1):
        interrupted(monkeypatch, table, f"out{call}", call)
        assert not Path(f"out{call}").exists()
        with monkeypatch.context() as patch:
            names = counted(patch)
            assert prepared(table, f"out{call}") == whole
        assert contents(f"out{call}") == contents("whole")
        assert len(names) <= left  # the later it was interrupted, the less is done again
        left = len(names)
    assert left < 6


def test_the_bytes_are_the_same_with_other_workers(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_processes(monkeypatch)
    prepared(table, "whole")
    interrupted(monkeypatch, table, "out", 6)
    prepared(table, "out", processes=2)
    assert contents("out") == contents("whole")


def scratch() -> list[Path]:
    return sorted(Path(".camchex/scratch").rglob("*.*"))


def test_a_killed_preparation_leaves_whole_shards_and_is_continued(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(table, "whole")
    killed = forks().Process(target=prepare_until_killed, args=(table, HALF, TINY, 5))
    killed.start()
    killed.join()
    assert killed.exitcode == -9
    names = [path.name for path in scratch() if path.suffix != ".lock"]
    assert "shard-00001.arrow" in names
    assert "shard-00002.arrow.unfinished" in names
    looked = counted(monkeypatch)
    prepared(table, "out")
    assert contents("out") == contents("whole")
    assert len(looked) < FILES - 5
    assert all(path.suffix == ".lock" for path in scratch())


def replace(number: int) -> None:
    file = Path("root") / f"{number:02}.jpg"
    saved(file, encoded(Image.fromarray(picture(60, 50, seed=99)), "JPEG"))


@pytest.mark.parametrize("number", [0, 2, 12, 28])  # 0 and 28 were missing
def test_a_raw_file_that_changed_meanwhile_is_read_again(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    interrupted(monkeypatch, table, "out", 6)
    replace(number)
    prepared(table, "whole")
    prepared(table, "out")
    assert contents("out") == contents("whole")


@pytest.mark.parametrize("change", ["size", "quality", "one fewer", "other order", "other folder"])
def test_what_decides_the_result_is_not_resumed(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    interrupted(monkeypatch, table, "out", 6)
    params = HALF
    if change == "size":
        params = HALF.model_copy(update={"size": 24})
    elif change == "quality":
        params = HALF.model_copy(update={"jpeg_quality": 60})
    elif change == "one fewer":
        table = table.slice(2)
    elif change == "other order":  # ids name other files
        ids = table["image_id"].to_pylist()[::-1]
        table = table.set_column(1, table.schema.field(1), pa.array(ids))
    names = counted(monkeypatch)
    if change == "other folder":
        Path("root").rename("elsewhere")
        prepare_images(table, Path("elsewhere"), Path("out"), params, 0)
    else:
        prepared(table, "out", params)
    assert len(names) == len(table)


def test_how_many_files_may_be_unreadable_is_no_reason_to_begin_again(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(table, "whole")
    with pytest.raises(DataError, match=r"5 of the 30 images"):
        prepared(table, "out", PARAMS)
    names = counted(monkeypatch)
    prepared(table, "out")
    assert len(names) < 6
    assert contents("out") == contents("whole")


@pytest.mark.parametrize("name", ["shard-00000.arrow", "shard-00001.arrow", "finished.json"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_damage_to_what_was_left_is_noticed(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    prepared(table, "whole")
    interrupted(monkeypatch, table, "out", 6)
    (file,) = (path for path in scratch() if path.name == name)
    content = bytearray(file.read_bytes())
    file.unlink()
    if damage == "changed":
        content[len(content) // 2] ^= 0x80
        file.write_bytes(content)
    prepared(table, "out")
    assert contents("out") == contents("whole")


def test_a_full_disk_says_what_is_needed_and_loses_nothing(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(table, "whole")
    with monkeypatch.context() as patch:
        stop(patch, 7, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(DataError, match=r"No space left .* all take about .* MB are free"):
            prepared(table, "out")
    assert not [path for path in scratch() if path.suffix == ".unfinished"]
    names = counted(monkeypatch)
    prepared(table, "out")
    assert len(names) < FILES - 10
    assert contents("out") == contents("whole")


def test_a_file_that_the_system_refuses_to_write_is_an_error_not_a_shard(table: pa.Table) -> None:
    ends = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2500, ends[1]))
    try:
        with pytest.raises(DataError, match="cannot be written: File too large"):
            prepared(table, "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, ends)
    assert not [path for path in scratch() if path.name.startswith("shard-")]
    prepared(table, "out")
    prepared(table, "whole")
    assert contents("out") == contents("whole")


def test_a_second_preparation_waits_for_the_first(table: pa.Table) -> None:
    second = threading.Thread(target=prepared, args=(table, "out"))
    with FileLock(".camchex/scratch/out.lock"):
        second.start()
        second.join(timeout=1)
        assert second.is_alive()
        assert not list(Path(".camchex/scratch").glob("out-*"))
    second.join()
    assert Path("out/shards.json").exists()


def part(table: pa.Table, number: int, count: int, out: str = "out", processes: int = 0) -> None:
    prepare_part(table, Path("root"), Path(out), HALF, processes, part=Part(number, count))


@pytest.mark.parametrize(("count", "lacking"), [(1, 0), (3, 0), (3, 2), (16, 0), (16, 6)])
def test_images_prepared_in_parts_are_joined_to_the_same_bytes(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch, count: int, lacking: int
) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4)
    whole = prepared(table, "whole")
    with monkeypatch.context() as patch:
        names = counted(patch)
        for number in range(count, 0, -1):
            if number != lacking:
                part(table, number, count)
        in_parts = len(names)
        assert prepared(table, "out") == whole
    assert contents("out") == contents("whole")
    assert len(names) == FILES  # each file is decoded once, by a part or by the join
    assert (in_parts == FILES) == (lacking == 0)
    assert all(path.suffix == ".lock" for path in scratch())


def test_a_part_that_was_stopped_goes_on_after_the_blocks_that_it_had(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4)
    prepared(table, "whole")
    with monkeypatch.context() as patch:
        stop(patch, 3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            part(table, 1, 1)
    names = counted(monkeypatch)
    part(table, 1, 1)
    assert len(names) == FILES - 8
    prepared(table, "out")
    assert contents("out") == contents("whole")


def test_a_join_that_was_stopped_goes_on_and_still_finds_the_parts(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4)
    prepared(table, "whole")
    part(table, 1, 1)
    names = counted(monkeypatch)
    interrupted(monkeypatch, table, "out", 5)
    prepared(table, "out")
    assert contents("out") == contents("whole")
    assert not names


@pytest.mark.parametrize("damage", ["changed raw file", "cut off", "another byte"])
def test_a_kept_block_that_cannot_be_used_is_decoded_again(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4)
    part(table, 1, 1)
    block = next(Path(".camchex/scratch").rglob("000003.parquet"))
    content = block.read_bytes()
    if damage == "changed raw file":
        replace(12)
    else:
        middle = len(content) // 2
        byte = bytes([content[middle] ^ 1])
        block.write_bytes(
            content[:middle] + (b"" if damage == "cut off" else byte + content[middle + 1 :])
        )
    names = counted(monkeypatch)
    prepared(table, "out")
    assert names == [f"{number:02}.jpg" for number in range(12, 16)]
    prepared(table, "whole")
    assert contents("out") == contents("whole")


def test_a_part_is_made_by_one_process_and_the_join_waits_for_it(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4)
    part(table, 2, 2)
    held = FileLock(next(Path(".camchex/scratch").glob("*.part-2-of-2.lock")), thread_local=False)
    threading.Thread(target=held.acquire).start()
    with pytest.raises(DataError, match=r"another process makes part 2/2"):
        part(table, 2, 2)
    part(table, 1, 2)
    threading.Timer(0.3, held.release, [True]).start()
    prepared(table, "out")
    prepared(table, "whole")
    assert contents("out") == contents("whole")
