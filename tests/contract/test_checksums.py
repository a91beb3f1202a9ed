"""Checksums are compared once, and again after whatever could have changed a file."""

import os
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from camchex.contract import checksums
from camchex.contract.checksums import require_checksums, require_unchanged
from camchex.errors import DataError

TICK = 0.02  # s; what a file system's clock needs to go on


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read, from now on; a file counts as settled at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checksums, "SETTLED_NS", 0)
    names: list[str] = []

    def noted(path: Path) -> str:
        names.append(path.name)
        return sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(checksums, "sha256", noted)
    Path("store").mkdir()
    for name in "ab":
        Path("store", name).write_text(f"content of {name}")
    time.sleep(TICK)
    return names


def expected() -> dict[str, str]:
    return {name: sha256(f"content of {name}".encode()).hexdigest() for name in "ab"}


def check() -> None:
    require_unchanged(Path("store"), expected())


def test_a_file_is_read_once(read: list[str]) -> None:
    check()
    assert sorted(read) == ["a", "b"]
    check()
    require_unchanged(Path("store").absolute(), expected())
    assert len(read) == 2
    require_checksums(Path("store"), expected())
    assert len(read) == 4


def test_damage_of_equal_size_is_found_even_with_the_time_set_back(read: list[str]) -> None:
    check()
    before = Path("store/a").stat()
    Path("store/a").write_text("content of b")
    os.utime("store/a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Path("store/a").stat().st_mtime_ns == before.st_mtime_ns
    for _ in range(2):
        with pytest.raises(
            DataError, match=r"store/a: its SHA-256 is not .*\. Delete the folder and run"
        ):
            check()
    assert sorted(read) == ["a", "a", "a", "b"]


def test_another_checksum_is_expected_of_an_unchanged_file(read: list[str]) -> None:
    check()
    with pytest.raises(DataError, match="store/b: its SHA-256"):
        require_unchanged(Path("store"), {**expected(), "b": expected()["a"]})
    assert len(read) == 3


def test_a_missing_file_is_named(read: list[str]) -> None:
    check()
    Path("store/b").unlink()
    with pytest.raises(DataError, match="store/b: cannot be read: No such file"):
        check()
    assert len(read) == 3


@pytest.mark.usefixtures("read")
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_of_a_linked_file_the_other_names_are_deleted_first(
    link: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else DVC would bring the damage back from its cache, wherever that is."""
    cached = Path("elsewhere/cache of all/files/cd")
    Path("bin").mkdir()
    Path("bin/dvc").write_text(f"#!/bin/sh\necho '{cached.parent.parent.absolute()}'\n")
    Path("bin/dvc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{Path('bin').absolute()}:{os.environ['PATH']}")
    cached.parent.mkdir(parents=True)
    Path("store/a").rename(cached)
    link(cached.absolute(), Path("store/a"))
    Path("store/a").write_text("damaged")
    with pytest.raises(
        DataError, match=r"cache holds the same damaged file: first run `"
    ) as caught:
        check()
    subprocess.run(["sh", "-c", str(caught.value).split("`")[1]], check=True)
    assert not cached.exists()
    assert Path("store/b").exists()


def test_a_file_that_has_just_been_written_is_read_again(
    read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "SETTLED_NS", 60_000_000_000)
    check()
    check()
    assert len(read) == 4


@pytest.mark.parametrize("note", ["", "[]", '{"a": 1}', '{"a": null}', "\x00", '{"a": [1]}'])
def test_a_damaged_note_says_nothing(read: list[str], note: str) -> None:
    check()
    (file,) = checksums.NOTES.iterdir()
    file.write_text(note)
    check()
    assert len(read) == 4


def test_where_nothing_can_be_noted_files_are_read_every_time(read: list[str]) -> None:
    Path(".camchex").write_text("a file where a folder is needed")
    check()
    check()
    assert len(read) == 4
