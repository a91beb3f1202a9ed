"""``camchex predict --dicomweb`` against a real archive, Orthanc."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from highdicom.sr import srread
from pydicom import dcmread

from camchex.many_studies import predict_studies as running
from camchex.many_studies.archive import HEADER, Archive, connect
from camchex.many_studies.archive_studies import IMAGES, STORED
from camchex.many_studies.ensemble import Ensemble
from tests.many_studies import orthanc as own
from tests.many_studies.orthanc import Orthanc, orthanc
from tests.many_studies.test_command import Command, predict
from tests.many_studies.test_dicom_folder import image

reason = own.why_none()
pytestmark = [
    pytest.mark.slow,  # imports the networks
    pytest.mark.enable_socket,
    pytest.mark.skipif(reason is not None, reason=reason or ""),
]
__all__ = ["predict"]  # a fixture
SECRETS = ("DOE", "JANE", "MRN-4711", "ACC-815", own.LOGIN, own.HEADER.split()[-1])
"""What names a patient or opens the archive."""
PATIENT = {"PatientName": "DOE^JANE", "PatientID": "MRN-4711", "PatientBirthDate": "19600102"}
FIRST = {
    **PATIENT,
    "StudyInstanceUID": "1.2.1",
    "SeriesInstanceUID": "1.2.1.1",
    "StudyDate": "20260131",
    "AccessionNumber": "ACC-815",
}


def write_export(folder: Path) -> Path:
    """Four studies: of two X-rays beside a CT and a hand, of one X-ray, of a CT, and of a hand."""
    ct = {"Modality": "CT", "BodyPartExamined": "CHEST"}

    def add(uid: str, **header: object) -> None:
        series, _, _ = uid.rpartition(".")
        study, _, _ = series.rpartition(".")
        found = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": uid}
        image(folder, f"{uid}.dcm", **{**FIRST, **found, **header})

    add("1.2.1.1.1", ViewPosition="PA")
    add("1.2.1.1.2", ViewPosition="LL")
    add("1.2.1.1.3", BodyPartExamined="HAND")
    for number in range(3):
        add(f"1.2.1.2.{number}", **ct)
    add("1.2.2.1.1", ViewPosition="AP", StudyDate="20260201", AccessionNumber="B")
    add("1.2.3.1.1", StudyDate="20260201", AccessionNumber="C", PatientID="other", **ct)
    add("1.2.4.1.1", AccessionNumber="D", PatientID="third", BodyPartExamined="HAND")
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    folder = tmp_path_factory.mktemp("archive")
    with orthanc(folder / "orthanc") as found:
        for path in sorted(write_export(folder / "export").iterdir()):
            found.put(path)
        yield found


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEADER, own.HEADER)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def rows(out: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return found


def test_an_archive_gives_what_a_folder_of_its_files_gives(
    predict: Command, archive: Orthanc, tmp_path: Path
) -> None:
    before = len(archive.asked())
    words = ["--dicomweb", archive.address, "--find", "StudyDate=20260101-20261231"]
    status, said, note = predict(*words, "--out", "a.parquet")
    assert (status, said) == (3, "wrote a.parquet: 2 predicted, 1 refused, 0 set aside\n")
    assert "1 study left out: no X-ray (CR, DX, DR, RG) among them" in note
    predict("--dicom", str(write_export(tmp_path / "export")), "--out", "b.parquet")
    by_folder = {row["study_id"]: row for row in rows("b.parquet")}
    found = rows("a.parquet")
    assert [row["study_id"] for row in found] == ["1.2.1", "1.2.4", "1.2.2"]  # by their dates
    for row in found:
        other = by_folder[row["study_id"]]
        for name in row.keys() - {"row", "images", "notes", "reason"}:
            assert row[name] == other[name], name
    assert found[0]["images"] == ["1.2.1/1.2.1.1/1.2.1.1.1.dcm", "1.2.1/1.2.1.1/1.2.1.1.2.dcm"]
    assert found[0]["notes"] == [
        "1.2.1/1.2.1.1/1.2.1.1.3.dcm: set aside: another body part: HAND",
        "1.2.1/1.2.1.2: set aside: modality CT, not CR, DX, DR, RG",
    ]
    assert "another body part: HAND" in found[1]["reason"]
    asked = archive.asked()[before:].splitlines()
    fetched = {line.split()[-1] for line in asked if "(http) GET" in line}
    instances = {path.rpartition("/")[2] for path in fetched if "/instances/" in path}
    assert instances == {"1.2.1.1.1", "1.2.1.1.2", "1.2.2.1.1"}
    assert not any("1.2.1.2" in path for path in fetched)


@pytest.mark.parametrize(
    ("find", "found"),
    [
        (["StudyInstanceUID=1.2.2"], ["1.2.2"]),
        (["AccessionNumber=ACC-815", "AccessionNumber=B"], ["1.2.1", "1.2.2"]),
        (["PatientID=MRN-4711"], ["1.2.1", "1.2.2"]),
        (["PatientID=MRN-4711", "StudyDate=20260131"], ["1.2.1"]),
        (["StudyInstanceUID=1.2.3"], ["1.2.3"]),  # asked for by its number, so refused by name
    ],
)
def test_studies_are_found_by_what_a_hospital_knows_of_them(
    predict: Command, archive: Orthanc, find: list[str], found: list[str]
) -> None:
    words = [word for one in find for word in ("--find", one)]
    predict("--dicomweb", archive.address, *words, "--out", "a.parquet")
    assert [row["study_id"] for row in rows("a.parquet")] == found


def test_nothing_of_a_patient_or_a_login_is_said(
    predict: Command, archive: Orthanc, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["--dicomweb", archive.address, "--store", "--out", "a.csv"]
    said = predict(*words, "--find", "PatientID=MRN-4711", "--find", "AccessionNumber=ACC-815")
    find = ["--find", "PatientID=MRN-4711", "--find", "StudyDate=19990101"]
    none = predict(*words[:-1], "b.csv", *find)
    assert none[::2] == (
        1,
        f"error: {archive.address}: no study has what --find names (PatientID, StudyDate).\n",
    )
    files = [path.read_text() for path in tmp_path.glob("a.csv*")]
    assert len(files) == 2
    for text in (*map(str, said + none), caplog.text, *files):
        assert not any(secret in text for secret in SECRETS)


def test_a_report_is_stored_beside_its_images_once(
    predict: Command, archive: Orthanc, tmp_path: Path
) -> None:
    one, other = (["--model", f"models/fusion/seed{number}"] for number in (1, 0))
    words = ["--dicomweb", archive.address, "--find", "StudyInstanceUID=1.2.1", "--store", *one]
    status, said, _ = predict(*words, "--out", "a.parquet")
    assert (status, said.splitlines()[1:]) == (0, ["report stored: 1"])
    first = archive.reports()
    (row,) = rows("a.parquet")
    (uid,) = [note.split()[-1] for note in row["notes"] if note.startswith(STORED)]
    assert uid in {one["SOPInstanceUID"] for one in first}
    _, said, _ = predict(*words, "--format", "sr", "--out", "b.parquet")
    assert said.splitlines()[1:] == ["report was stored before: 1"]
    assert archive.reports() == first
    predict(*words, *other, "--out", "c.parquet")  # by the two together
    assert len(archive.reports()) == len(first) + 1
    report = srread(tmp_path / "b.parquet.sr" / f"{uid}.dcm")
    assert (report.PatientName, report.StudyInstanceUID) == ("DOE^JANE", "1.2.1")
    connected = connect(archive.address)
    kept = connected.retrieve("1.2.1", str(report.SeriesInstanceUID), uid)
    (tmp_path / "kept.dcm").write_bytes(kept)
    assert dcmread(tmp_path / "kept.dcm") == dcmread(tmp_path / "b.parquet.sr" / f"{uid}.dcm")


def test_a_run_that_was_stopped_goes_on_and_leaves_no_image(
    predict: Command, archive: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CHUNK", 1)
    find = ["--find", "PatientID=MRN-4711"]
    words = ["--dicomweb", archive.address, *find, "--store", "--out", "a.parquet"]
    calls, retrieve = Ensemble.predict, Archive.retrieve
    fetched: list[str] = []

    def once(self: Ensemble, studies: list[Any]) -> list[Any]:
        if len(fetched) > 2:
            raise KeyboardInterrupt
        return calls(self, studies)

    def counted(self: Archive, *uids: str) -> bytes:
        fetched.append(uids[-1])
        return retrieve(self, *uids)

    monkeypatch.setattr(Archive, "retrieve", counted)
    monkeypatch.setattr(Ensemble, "predict", once)
    assert predict(*words)[0] == 130  # as of Ctrl-C
    assert fetched == ["1.2.1.1.1", "1.2.1.1.2", "1.2.2.1.1"]
    assert not list(tmp_path.rglob(f"{IMAGES}/*"))
    monkeypatch.setattr(Ensemble, "predict", calls)
    status, said, note = predict(*words)
    assert status == 0
    assert fetched[3:] == ["1.2.2.1.1"]
    assert "predicted by an earlier run: 1 study" in note
    stored = len(archive.reports())
    assert said.startswith("wrote a.parquet: 2 predicted")
    predict(*words[:-1], "b.parquet")
    assert len(archive.reports()) == stored
    assert [path.name for path in (tmp_path / ".camchex").iterdir() if path.is_dir()] == []


def test_a_wrong_login_is_refused_with_what_to_do(
    predict: Command, archive: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HEADER, "Authorization: Basic bm9ib2R5OndvcmQ=")
    words = ["--dicomweb", archive.address, "--find", "StudyDate=20260131", "--out", "a.csv"]
    status, _, error = predict(*words)
    assert (status, "status 401 Unauthorized: no login, or a wrong one" in error) == (1, True)


def test_netrc_has_a_login_too(
    predict: Command, archive: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HEADER)
    name, _, word = own.LOGIN.partition(":")
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {name} password {word}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    words = ["--dicomweb", archive.address, "--find", "AccessionNumber=B", "--out", "a.csv"]
    assert predict(*words)[0] == 0
