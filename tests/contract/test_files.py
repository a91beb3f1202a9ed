from pathlib import Path

import pytest

from camchex.contract.files import publish_folder, sha256, whole_file, write_text
from camchex.errors import DataError


def test_the_checksum_is_that_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "file") == digest


@pytest.mark.parametrize(("mode", "old", "new"), [("w", "old", "new\r\n"), ("wb", b"1", b"22")])
def test_a_file_is_seen_whole_or_not_at_all(
    tmp_path: Path, mode: str, old: str | bytes, new: str | bytes
) -> None:
    path = tmp_path / "file"
    with whole_file(path, mode) as file:
        file.write(old)
        assert not path.exists()
    before = path.read_bytes()

    def dies() -> None:
        with whole_file(path, mode) as file:
            file.write(new)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dies()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with whole_file(path, mode) as file:
        file.write(new)
    assert path.read_bytes() == (new if isinstance(new, bytes) else new.encode())


def test_a_text_is_written_as_utf_8_into_a_folder_that_is_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "Größe\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "Größe\n".encode()


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "models" / "gen0"
    publish_folder(out, lambda folder: write_text(folder / "old", "1"))

    def dies(folder: Path) -> None:
        write_text(folder / "half", "2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_folder(out, dies)
    assert [p.name for p in out.iterdir()] == ["old"]
    publish_folder(out, lambda folder: write_text(folder / "new", "3"))
    assert [p.name for p in out.iterdir()] == ["new"]
    assert [p.name for p in out.parent.iterdir()] == ["gen0"]


def test_behind_a_link_the_folder_is_replaced_and_a_file_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    publish_folder(tmp_path / "link", lambda folder: write_text(folder / "new", "1"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "real" / "new").read_text() == "1"
    assert [p.name for p in (tmp_path / "disk").iterdir()] == ["real"]
    (tmp_path / "file").write_text("a file")
    with pytest.raises(DataError, match="file: is a file, where a folder"):
        publish_folder(tmp_path / "file", lambda _: pytest.fail("no work is done"))
