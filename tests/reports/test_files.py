"""Reports come out of an archive as they come out of the folder that was packed."""

import gzip
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest

from camchex.errors import DataError
from camchex.reports import indications
from camchex.reports.files import (
    archived_names,
    has_report,
    report_batches,
    report_names,
    report_places,
)
from camchex.reports.indications import extract_indications
from tests.reports.test_indications import PATIENT, RELEASED, report, studies, write
from tests.runs.forked import fork_processes

BATCH = 100
IDS = [str(50000000 + n) for n in range(BATCH + 20)]
MISSING = set(IDS[::50])
KINDS = {"zip": "zip", "gztar": "tar.gz"}
every_kind = pytest.mark.parametrize("kind", KINDS)


def fill(root: Path) -> Path:
    for number, study in enumerate(IDS):
        if study not in MISSING:
            write(root, study, report(INDICATION=f"Cough for {number} days, 38 \u00b0C"))
    (root / "files" / "index.html").write_text("no report")
    return root


def pack(folder: Path, kind: str, below: str = "files") -> Path:
    """An archive of a folder, made by the standard library from its parent."""
    name = folder.with_name(f"mimic-cxr-reports-{folder.name}")
    return Path(shutil.make_archive(str(name), kind, folder, below))


@every_kind
@pytest.mark.parametrize(("below", "workers"), [("files", 2), (".", 0)])
def test_an_archive_gives_what_the_folder_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, below: str, workers: int
) -> None:
    monkeypatch.setattr(indications, "BATCH", BATCH)
    fork_processes(monkeypatch)
    root = fill(tmp_path / "raw" / "reports") if below == "files" else fill(tmp_path / "raw" / "a")
    archive = pack(root if below == "files" else root.parent, kind, below)
    assert archive.name.endswith(KINDS[kind])
    wanted = studies(*IDS)
    table, counts = extract_indications(wanted, root, RELEASED, workers=0)
    shutil.rmtree(root)
    packed, counted = extract_indications(wanted, archive, RELEASED, workers)
    assert packed.equals(table)
    assert counted == counts
    assert counts["outcomes"]["report_missing"] == len(MISSING)  # type: ignore[index, call-overload]


@every_kind
def test_the_names_in_an_archive_are_those_of_the_studies_with_a_report(
    tmp_path: Path, kind: str
) -> None:
    root = fill(tmp_path / "reports")
    there = studies(*sorted({*IDS} - MISSING))
    assert archived_names(pack(root, kind)) == set(report_names(there))
    assert archived_names(root) is None


def test_reports_are_named_by_the_first_two_digits_of_the_patient() -> None:
    assert report_names(studies("50414267")) == ["files/p10/p10000032/s50414267.txt"]


def cut(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])


def flip(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    for position in range(len(content) // 3, len(content) // 3 + 50):
        content[position] ^= 0x55
    archive.write_bytes(content)


def empty(archive: Path) -> None:
    archive.write_bytes(b"")


def no_archive(archive: Path) -> None:
    archive.write_text("<html>log in first</html>" * 1000)


@every_kind
@pytest.mark.parametrize("damage", [cut, flip, empty, no_archive])
def test_a_damaged_archive_is_named(
    tmp_path: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    archive = pack(fill(tmp_path / "reports"), kind)
    damage(archive)
    with pytest.raises(DataError, match=rf"{archive.name}: damaged"):
        extract_indications(studies(*IDS), archive, RELEASED, workers=0)


def test_a_tar_whose_damage_reads_like_its_end_is_named(tmp_path: Path) -> None:
    archive = pack(fill(tmp_path / "reports"), "gztar")
    content = bytearray(gzip.decompress(archive.read_bytes()))
    content[len(content) // 2 // 512 * 512 + 150] ^= 1  # near a header's checksum, or in a text
    packed = bytearray(gzip.compress(content))
    packed[-8] ^= 1  # the checksum of the whole
    archive.write_bytes(packed)
    with pytest.raises(DataError, match=r"tar\.gz: damaged"):
        extract_indications(studies(*IDS), archive, RELEASED, workers=0)


@pytest.mark.parametrize("name", ["reports.zip", "reports.tar.gz"])
def test_a_missing_archive_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: no such file.*data\.reports"):
        extract_indications(studies("50000001"), tmp_path / name, RELEASED, workers=0)


def test_a_file_that_is_no_archive_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.touch()
    with pytest.raises(DataError, match=r"reports\.csv: neither a folder nor"):
        extract_indications(studies("50000001"), path, RELEASED, workers=0)


@every_kind
def test_a_report_in_another_encoding_is_named_within_its_archive(
    tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path / "reports", "50000001", "")
    path.write_bytes(b"\n INDICATION: 38\xb0C\n")
    with pytest.raises(DataError, match=rf"{KINDS[kind]}/files/.*/s50000001\.txt: byte 16"):
        extract_indications(
            studies("50000001"), pack(tmp_path / "reports", kind), RELEASED, workers=0
        )


def test_an_archive_without_any_report_of_the_studies_says_where_it_looked(tmp_path: Path) -> None:
    archive = pack(fill(tmp_path / "reports"), "zip")
    with pytest.raises(DataError, match=r"zip/files/p10/p10000032/s51111111\.txt"):
        extract_indications(studies("51111111"), archive, RELEASED, workers=0)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "reports.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("files/p10/p10000032/s50000001.txt", report(INDICATION="Cough"))
    content = archive.read_bytes()
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag: encrypted
        position = content.index(signature) + offset
        content = content[:position] + b"\x01" + content[position + 1 :]
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"encrypted"):
        extract_indications(studies("50000001"), archive, RELEASED, workers=0)


def test_a_folder_named_like_an_archive_is_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "reports.zip"
    write(root, "50000001", report(INDICATION="Cough"))
    table, _ = extract_indications(studies("50000001"), root, RELEASED, workers=0)
    assert table["indication"].to_pylist() == ["cough ."]


def test_of_a_tar_little_is_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack(fill(tmp_path / "reports"), "gztar")
    read: list[str] = []
    extract = tarfile.TarFile.extractfile

    def noted(self: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes] | None:
        read.extend([member.name] * member.isfile())
        return extract(self, member)

    monkeypatch.setattr(tarfile.TarFile, "extractfile", noted)
    batches = report_batches(archive, studies(*IDS), 7)
    for number in (1, 2):
        assert len([*next(batches)()]) == 7
        assert len(read) <= 7 * number + 1  # one of the files is no report


def archive_of(root: Path, kind: str, paths: dict[str, str]) -> Path:
    """An archive of texts by path, in the order given."""
    if kind == "zip":
        with zipfile.ZipFile(root / "reports.zip", "w") as file:
            for path, text in paths.items():
                file.writestr(path, text)
        return root / "reports.zip"
    with tarfile.open(root / "reports.tar.gz", "w:gz") as tar:
        for path, text in paths.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            tar.addfile(member, BytesIO(text.encode()))
    return root / "reports.tar.gz"


@every_kind
def test_an_archive_may_hold_its_reports_in_any_folders(tmp_path: Path, kind: str) -> None:
    below = f"p10/p{PATIENT}"
    paths = {
        "__MACOSX/files/p10/p10000032/s50000001.txt": "no report",
        f"a/files/{below}/s50000001.txt": report(INDICATION="One"),
        f"b/c/files/{below}/s50000002.txt": report(INDICATION="Two"),
        f"files/{below}/s50000003.txt": report(INDICATION="Three"),
        f"{below}/s50000004.TXT": report(INDICATION="Four"),
        f"./files/{below}/s50000005.txt": report(INDICATION="Five"),
        f"d\\files\\p10\\p{PATIENT}\\s50000006.txt": report(INDICATION="Six"),
    }
    archive = archive_of(tmp_path, kind, paths)
    wanted = studies(*(str(50000000 + n) for n in range(1, 8)))
    table, counts = extract_indications(wanted, archive, RELEASED, workers=0)
    words = ["one .", "two .", "three .", "four .", "five .", "six .", None]
    assert table["indication"].to_pylist() == words
    assert counts["outcomes"]["report_missing"] == 1  # type: ignore[index, call-overload]
    assert archived_names(archive) == set(report_names(wanted.slice(0, 6)))


@every_kind
@pytest.mark.parametrize(
    "second", ["b/files/p10/p10000032/s50000001.txt", "files/p11/p11000000/s50000001.TXT"]
)
def test_two_files_for_one_study_are_refused_and_named(
    tmp_path: Path, kind: str, second: str
) -> None:
    first = "a/files/p10/p10000032/s50000001.txt"
    archive = archive_of(tmp_path, kind, {first: report(INDICATION="One"), second: "Two"})
    for read in (
        lambda: extract_indications(studies("50000001"), archive, RELEASED, workers=0),
        lambda: archived_names(archive),
    ):
        with pytest.raises(DataError, match=rf"study s50000001: {first} and {second}"):
            read()


def test_in_a_folder_a_report_may_end_in_capitals(tmp_path: Path) -> None:
    path = write(tmp_path, "50000001", report(INDICATION="Cough"))
    path.rename(path.with_suffix(".TXT"))
    table, _ = extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)
    assert table["indication"].to_pylist() == ["cough ."]


def test_a_folder_in_place_of_a_report_is_named(tmp_path: Path) -> None:
    write(tmp_path, "50000001", "").unlink()
    (tmp_path / "files" / "p10" / f"p{PATIENT}" / "s50000001.txt").mkdir()
    with pytest.raises(DataError, match=r"s50000001\.txt: cannot be read .*[Dd]irectory"):
        extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)


@every_kind
@pytest.mark.parametrize(
    "path",
    [f"P10/P{PATIENT}/S50000001.TXT", f"p{PATIENT}/s50000001.Txt", f"x/p{PATIENT}/s50000001.txt"],
)
def test_names_may_be_in_capitals_and_the_folder_above_a_patient_is_not_needed(
    tmp_path: Path, kind: str, path: str
) -> None:
    archive = archive_of(tmp_path, kind, {path: report(INDICATION="One")})
    assert archived_names(archive) == {*report_names(studies("50000001"))}
    table, _ = extract_indications(studies("50000001"), archive, RELEASED, workers=0)
    assert table["indication"].to_pylist() == ["one ."]


@every_kind
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s50000002.txt", "pack the archive anew"),
        (f"files/p10/p{PATIENT}/s50000002.txt.gz", "pack the archive anew"),
        ("more.zip", "pack the archive anew"),
        ("files/p19/p19999999/s50000002.txt", "has another patient"),
    ],
)
def test_what_looks_like_a_report_and_cannot_be_taken_is_an_error(
    tmp_path: Path, kind: str, path: str, expected: str
) -> None:
    there = {f"p10/p{PATIENT}/s50000001.txt": report(INDICATION="One"), path: "Two"}
    archive = archive_of(tmp_path, kind, there)
    with pytest.raises(DataError, match=rf"{path}.*{expected}"):
        extract_indications(studies("50000001", "50000002"), archive, RELEASED, workers=0)


def test_a_link_in_a_tar_is_an_error(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "reports.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(f"p10/p{PATIENT}/s50000001.txt")
        member.type, member.linkname = tarfile.LNKTYPE, "x"
        tar.addfile(member)
    with pytest.raises(DataError, match=r"s50000001\.txt: a link"):
        archived_names(tmp_path / "reports.tar.gz")


def test_two_spellings_of_one_report_that_differ_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "50000001", report(INDICATION="Cough"))
    path.with_suffix(".TXT").write_text("other")
    with pytest.raises(DataError, match=r"s50000001\.TXT differ"):
        extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)


TOPS = {
    "published": ("files/p10", "files/p10"),
    "two top folders": ("part 1/files/p10", "part 2/files/p10"),
    "no top folder": ("p10", "p10"),
    "no folder above a patient's": ("", ""),
    "capitals": ("FILES/P10", "FILES/P10"),
}


@pytest.mark.parametrize("case", TOPS)
def test_in_a_folder_a_patients_folder_may_stand_in_any_others(tmp_path: Path, case: str) -> None:
    capital = case == "capitals"
    for top, study in zip(TOPS[case], ("50000001", "50000002"), strict=True):
        folder = tmp_path / top / (f"P{PATIENT}" if capital else f"p{PATIENT}")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"S{study}.Txt" if capital else f"s{study}.txt"
        (folder / name).write_text(report(INDICATION=f"Cough {study}"))
    wanted = studies("50000001", "50000002", "50000003")
    table, counts = extract_indications(wanted, tmp_path, RELEASED, workers=0)
    assert table["indication"].to_pylist() == ["cough 50000001 .", "cough 50000002 .", None]
    assert counts["outcomes"]["report_missing"] == 1  # type: ignore[index, call-overload]
    places = report_places(tmp_path, report_names(wanted))
    assert [has_report(tmp_path, place) for place in places] == [True, True, False]


def test_two_reports_of_one_study_in_two_folders_that_differ_are_an_error(tmp_path: Path) -> None:
    for top, text in (("a", "One"), ("b", "Two")):
        folder = tmp_path / top / f"p{PATIENT}"
        folder.mkdir(parents=True)
        (folder / "s50000001.txt").write_text(report(INDICATION=text))
    with pytest.raises(DataError, match=r"a/p10000032/s50000001\.txt and .*b/.* differ"):
        extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)


def test_a_report_that_is_still_packed_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "50000001", report(INDICATION="One"))
    path.rename(path.with_name(f"{path.name}.gz"))
    with pytest.raises(DataError, match=r"s50000001\.txt\.gz: a packed report"):
        extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)


def test_a_patient_may_be_named_as_a_group_of_patients_is(tmp_path: Path) -> None:
    """Of a small hospital: patient 10 in group p10, of which the folder has patient 1055, too."""
    rows = [("10", "5"), ("1055", "6")]
    for patient, study in rows:
        folder = tmp_path / "files" / "p10" / f"p{patient}"
        folder.mkdir(parents=True)
        (folder / f"s{study}.txt").write_text(report(INDICATION=f"Cough {study}"))
    names = [f"files/p10/p{patient}/s{study}.txt" for patient, study in rows]
    places = report_places(tmp_path, names)
    assert [has_report(tmp_path, place) for place in places] == [True, True]
    assert names[1] in places[1]
    assert names[0] in places[0]
