"""A folder of DICOM files: studies found whatever the arrangement, and what is no chest X-ray."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sr.codedict import codes

from camchex.errors import DataError
from camchex.many_studies.asked import CLASSIFIER, AskedStudy
from camchex.many_studies.dicom_folder import NO_STUDY, find_studies
from camchex.many_studies.dicom_header import view_of, why_not
from camchex.many_studies.reading import NO_IMAGE, read_study
from tests.images.files import dicom, dicom_bytes, picture, saved
from tests.many_studies.test_predict_studies import ensemble
from tests.networks.small import camchex


def header(**attributes: object) -> Dataset:
    found = Dataset()
    found.Modality, found.Rows, found.StudyInstanceUID = "DX", 48, "1.2"
    for name, value in attributes.items():
        setattr(found, name, value)
    return found


def coded(value: str = "", scheme: str = "", meaning: str = "") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def image(folder: Path, name: str, **attributes: object) -> Path:
    dataset = dicom(picture(seed=len(name)), 8)
    dataset.update(header(**attributes))
    dataset.SOPInstanceUID = str(attributes.get("SOPInstanceUID", f"1.9.{abs(hash(name))}"))
    return saved(folder / name, dicom_bytes(dataset))


LATERAL = codes.cid4010.LeftLateral


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ViewPosition": "PA"}, ("frontal", "ViewPosition")),
        ({"ViewPosition": "RL"}, ("lateral", "ViewPosition")),
        (
            {"ViewPosition": "LL", "ViewCodeSequence": [coded(meaning="postero-anterior")]},
            ("lateral", "ViewPosition"),
        ),
        ({"ViewCodeSequence": [coded(meaning="left lateral")]}, ("lateral", "ViewCodeSequence")),
        (
            {"ViewCodeSequence": [coded(LATERAL.value, LATERAL.scheme_designator, "links")]},
            ("lateral", "ViewCodeSequence"),
        ),
        (
            {"ViewCodeSequence": [coded("R-10206", "SRT", "von vorn")]},
            ("frontal", "ViewCodeSequence"),
        ),
        ({"PatientOrientation": ["L", "F"]}, ("frontal", "PatientOrientation")),
        ({"PatientOrientation": ["R", "FL"]}, ("frontal", "PatientOrientation")),
        ({"PatientOrientation": ["A", "F"]}, ("lateral", "PatientOrientation")),
        ({"PatientOrientation": ["H", "P"]}, ("lateral", "PatientOrientation")),
        ({"PatientOrientation": ["L", "P"]}, (None, CLASSIFIER)),  # as a slice of CT
        ({"PatientOrientation": ["L"]}, (None, CLASSIFIER)),
        ({"ViewPosition": "SOMEHOW", "PatientOrientation": None}, (None, CLASSIFIER)),
    ],
)
def test_the_first_attribute_that_tells_a_view_decides(
    attributes: dict[str, object], expected: tuple[str | None, str]
) -> None:
    assert view_of(header(**attributes)) == expected


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"BodyPartExamined": "CHEST"},
        {"BodyPartExamined": "PORT_CHEST"},
        {"BodyPartExamined": "LUNG", "SeriesDescription": "PA erect"},
        {"AnatomicRegionSequence": [coded(meaning="Chest")]},
        {"SeriesDescription": "W033 Chest PA, edge enhanced screening"},
        # What detectors write on the image that is read, PS3.3 C.8.11.3.
        {
            "ImageType": ["DERIVED", "PRIMARY", "", "RT"],
            "PresentationIntentType": "FOR PRESENTATION",
        },
    ],
)
def test_a_chest_x_ray_is_kept(attributes: dict[str, object]) -> None:
    assert why_not(header(**attributes)) is None


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"Modality": "CT"}, "modality CT"),
        ({"BodyPartExamined": "HAND"}, "another body part: HAND"),
        ({"AnatomicRegionSequence": [coded(meaning="Knee")]}, "another body part: KNEE"),
        ({"SeriesDescription": "Abdomen supine"}, "another body part: ABDOMEN"),
        ({"BodyPartExamined": "TSPINE"}, "spine"),
        ({"BodyPartExamined": "CHEST", "SeriesDescription": "T-Spine lateral"}, "spine"),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "derived"),
        ({"ImageType": ["DERIVED", "PRIMARY", "BONE SUPPRESSED"]}, "derived: bone suppress"),
        ({"SeriesDescription": "Chest PA catheter enhanced"}, "derived: catheter enhance"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for processing"),
        ({"NumberOfFrames": "12"}, "more than one frame"),
    ],
)
def test_what_is_no_chest_x_ray_is_set_aside_with_its_reason(
    attributes: dict[str, object], reason: str
) -> None:
    found = why_not(header(**attributes))
    assert found is not None
    assert reason in found


def test_a_file_without_pixels_is_set_aside() -> None:
    report = header(Modality="")
    del report.Rows
    assert why_not(report) == "no pixels"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two studies over several folders, among other files."""
    image(tmp_path, "b/1/IM0", StudyInstanceUID="1.2.1", ViewPosition="LL")
    image(tmp_path, "a/x.txt", StudyInstanceUID="1.2.1", ViewPosition="PA", SOPInstanceUID="1.5")
    image(tmp_path, "c/again.dcm", StudyInstanceUID="1.2.1", SOPInstanceUID="1.5")
    image(tmp_path, "c/hand.dcm", StudyInstanceUID="1.2.1", BodyPartExamined="HAND")
    image(tmp_path, "c/knee.dcm", StudyInstanceUID="1.2.2", BodyPartExamined="KNEE")
    image(tmp_path, "d/nobody.dcm", StudyInstanceUID="")
    saved(tmp_path / "DICOMDIR", b"an index")
    saved(tmp_path / "README", b"no image")
    saved(tmp_path / "cut.dcm", bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\xff")
    whole = (tmp_path / "b/1/IM0").read_bytes()
    saved(tmp_path / "e/bare", whole[132:])  # no preamble; the same image again
    return tmp_path


def test_studies_are_found_in_any_arrangement(folder: Path) -> None:
    found = find_studies(folder)
    first, second = found.studies
    assert [study.study_id for study in found.studies] == ["1.2.1", "1.2.2"]
    assert [(one.path.name, one.view) for one in first.images] == [
        ("x.txt", "frontal"),
        ("IM0", "lateral"),
    ]
    said = "\n".join(first.notes)
    assert f"again.dcm: set aside: the same image (SOPInstanceUID) as {folder}/a/x.txt" in said
    assert "hand.dcm: set aside: another body part: HAND" in said
    assert "bare: set aside: the same image" in said
    assert second.images == ()
    assert found.ignored["not a DICOM file"] == 1
    assert found.ignored.total() == 3


def test_of_a_cut_and_a_whole_copy_the_whole_one_is_read(tmp_path: Path) -> None:
    whole = image(tmp_path, "b.dcm", ViewPosition="PA").read_bytes()
    saved(tmp_path / "a.dcm", whole[:-900])
    saved(tmp_path / "c.dcm", whole)
    (study,) = find_studies(tmp_path).studies
    assert [one.path.name for one in study.images] == ["b.dcm"]
    same = f"set aside: the same image (SOPInstanceUID) as {tmp_path}/b.dcm"
    assert list(study.notes) == [f"{tmp_path}/{name}.dcm: {same}" for name in "ac"]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # as it is written here
def test_a_uid_with_letters_stays_as_it_is_and_out_of_the_log(tmp_path: Path) -> None:
    image(tmp_path, "a", StudyInstanceUID="9f3a", ViewPosition="PA")
    image(tmp_path, "ab", StudyInstanceUID="9F3A", ViewPosition="PA")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [study.study_id for study in find_studies(tmp_path).studies] == ["9f3a", "9F3A"]


def test_an_image_whose_name_is_not_utf_8_is_set_aside_and_not_its_study(tmp_path: Path) -> None:
    image(tmp_path, "a", ViewPosition="PA")
    image(tmp_path, "caf\udce9", ViewPosition="LL")
    (study,) = find_studies(tmp_path).studies
    read = read_study(study, ensemble(camchex()).how)
    assert [one.path.name for one in read.images] == ["a"]
    assert "its name is not UTF-8" in read.notes[0]


def test_a_study_without_a_chest_x_ray_is_refused_with_what_it_has(folder: Path) -> None:
    how = ensemble(camchex()).how
    first, second = (read_study(study, how) for study in find_studies(folder).studies)
    assert first.is_whole
    assert len(first.jpegs) == 2
    assert second.refusal is not None
    assert second.refusal.startswith(NO_IMAGE)
    assert "another body part: KNEE" in second.refusal


def test_an_image_of_unclear_view_is_set_aside_and_not_its_study(tmp_path: Path) -> None:
    image(tmp_path, "a.dcm", ViewPosition="PA")
    image(tmp_path, "b.dcm")
    how = ensemble(camchex()).how  # it has no view classifier
    (study,) = (read_study(study, how) for study in find_studies(tmp_path).studies)
    assert study.is_whole
    assert [one.path.name for one in study.images] == ["a.dcm"]
    assert any("b.dcm: no view is given" in note for note in study.notes)


def test_an_image_that_cannot_be_read_is_set_aside_and_not_its_study(tmp_path: Path) -> None:
    whole = image(tmp_path, "a.dcm", ViewPosition="PA").read_bytes()
    image(tmp_path, "b.dcm", ViewPosition="LL")
    saved(tmp_path / "a.dcm", whole[:-900])
    blank = dicom(np.full((48, 40), 9, np.uint8), 8)
    blank.update(header(StudyInstanceUID="1.3", ViewPosition="PA"))
    saved(tmp_path / "c.dcm", dicom_bytes(blank))
    how = ensemble(camchex()).how
    first, second = (read_study(study, how) for study in find_studies(tmp_path).studies)
    assert first.is_whole
    assert [one.path.name for one in first.images] == ["b.dcm"]
    assert any("a.dcm: set aside: damaged or cut short" in note for note in first.notes)
    assert second.refusal is not None
    assert second.refusal.startswith(NO_IMAGE)
    assert "c.dcm: set aside: no contrast" in second.refusal


def test_a_folder_without_studies_is_an_error_that_says_what_is_in_it(tmp_path: Path) -> None:
    saved(tmp_path / "a.txt", b"text")
    with pytest.raises(DataError, match="1 not a DICOM file"):
        find_studies(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_studies(tmp_path / "nowhere")


def test_a_file_made_by_somebody_else_is_read(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").symlink_to(real_data / "odd_images" / "rsna_frontal.dcm")
    (study,) = find_studies(tmp_path).studies
    assert isinstance(study, AskedStudy)
    assert read_study(study, ensemble(camchex()).how).is_whole


def test_what_is_not_read_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = tmp_path / "export", tmp_path / "elsewhere"
    image(folder, "a", StudyInstanceUID="1.3")
    image(elsewhere, "b", StudyInstanceUID="1.4")
    (folder / "lost").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "closed").mkdir()
    scan = os.scandir

    def scanned(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scanned)
    found = find_studies(folder)
    assert [study.study_id for study in found.studies] == ["1.3"]
    assert found.ignored == {
        "a folder that cannot be read: Permission denied": 1,
        "a link to a folder, which is not followed": 1,
        "not a file, or a link that leads to none": 3,
    }
    (folder / "a").unlink()
    with pytest.raises(DataError, match="1 a link to a folder, which is not followed"):
        find_studies(folder)


def test_of_several_study_uids_none_is_taken(tmp_path: Path) -> None:
    image(tmp_path, "a", StudyInstanceUID="1.3")
    image(tmp_path, "b", StudyInstanceUID=["1.3", "1.4"])
    found = find_studies(tmp_path)
    assert [len(study.images) for study in found.studies] == [1]
    assert found.ignored == {NO_STUDY: 1}
