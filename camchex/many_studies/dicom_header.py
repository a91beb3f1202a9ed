"""What the header of a DICOM file says of an image: whether a chest X-ray, and of which view.

The attributes are those of PS3.3; the words for views and body parts are those by which MIMIC-CXR
is read (``camchex.sources.mimic.mimic_views``), and pydicom's code dictionary.
"""

import re
from collections.abc import Iterator

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from camchex.contract.schemas import UNKNOWN_VIEW, View
from camchex.images.attributes import several, text
from camchex.many_studies.asked import CLASSIFIER
from camchex.sources.mimic.mimic_views import CHEST, OTHER_PARTS, VIEW_CODES, decide_view

RADIOGRAPHS = ("CR", "DX", "DR", "RG")  # defined terms of Modality, PS3.3 C.7.3.1.1.1
LUNG = re.compile(r"\bLUNGS?\b")
SPINE = re.compile(r"SPINE|SPINAL|VERTEBR")
TUBES = r"(LINE|TUBE|CATHETER)S?"
DERIVED = re.compile(
    r"SUBTRACT|BONE.?SUPPRESS|SOFT.?TISSUE|DUAL.?ENERGY|COMPANION|HEAT.?MAP|OVERLAY|\bCAD\b|"
    rf"THUMBNAIL|SCREEN.?(SHOT|SAVE|CAPTURE)|\b{TUBES}.?ENHANCE|ENHANCED?.?{TUBES}\b"
)
"""Words for second pictures that programs make of an X-ray."""
TEXTS = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
MADE_FROM = ("SeriesDescription", "DerivationDescription")
PROJECTIONS: dict[Code, View] = {
    codes.cid4010.AnteroPosterior: "frontal",
    codes.cid4010.PosteroAnterior: "frontal",
    codes.cid4010.LeftLateral: "lateral",
    codes.cid4010.RightLateral: "lateral",
}
"""Codes of CID 4010 (DX View) whose view is known; pydicom takes those of SNOMED-RT for them."""
AXES = {"L": "across", "R": "across", "A": "through", "P": "through", "H": "along", "F": "along"}
"""Axis of the patient that each letter of PatientOrientation stands for, PS3.3 C.7.6.1.1.1."""
VIEW_OF_AXES: dict[frozenset[str], View] = {
    frozenset({"across", "along"}): "frontal",
    frozenset({"through", "along"}): "lateral",
}
WANTED = (
    "SpecificCharacterSet",
    "StudyInstanceUID",
    "SOPInstanceUID",
    "Modality",
    "Rows",
    "NumberOfFrames",
    "ImageType",
    "PresentationIntentType",
    "BodyPartExamined",
    "AnatomicRegionSequence",
    "ViewPosition",
    "ViewCodeSequence",
    "PatientOrientation",
    "DerivationDescription",
    *TEXTS,
)
"""Attributes that are read; none names a patient."""


def why_not(header: Dataset) -> str | None:
    """Say why an image is set aside; None: by its header, it is an X-ray of the chest.

    Plain ``DERIVED`` in ImageType sets nothing aside: most detectors write it on the one image
    that they make for reading (docs/many_studies.md).
    """
    modality, body = text(header, "Modality"), body_part(header)
    kind = [str(value).upper() for value in several(header, "ImageType")]
    made = DERIVED.search(" ".join([*kind[2:], *(_words(header, name) for name in MADE_FROM)]))
    spine = SPINE.search(" ".join([body, *(_words(header, name) for name in TEXTS)]))
    other = next(filter(None, (_other_part(_words(header, name)) for name in TEXTS)), None)
    reasons = {
        f"modality {modality}, not {', '.join(RADIOGRAPHS)}": modality
        and modality not in RADIOGRAPHS,
        "no pixels": "Rows" not in header,
        "more than one frame": _frames(header) > 1,
        "derived: ImageType says SECONDARY": "SECONDARY" in kind[1:2],
        f"derived: {made and made.group().lower()}": made,
        "for processing: the values of the detector, not to be looked at": (
            text(header, "PresentationIntentType") == "FOR PROCESSING"
        ),
        "a view of the spine": spine,
        f"another body part: {body}": body and not _is_chest(body),
        f"another body part: {other}": not body and other,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def view_of(header: Dataset) -> tuple[View | None, str]:
    """Decide the view of an image: the first attribute that tells it.

    Returns:
        The view, and the attribute; None and ``CLASSIFIER`` if no attribute tells it.

    Source: PS3.3 C.8.11.5 (ViewPosition), C.8.11.5.1 (ViewCodeSequence), C.7.6.1.1.1
        (PatientOrientation).
    """
    position = " ".join(str(value) for value in several(header, "ViewPosition")[:1])
    view, rule = decide_view(position, None, None, None)
    if rule != UNKNOWN_VIEW:
        return view, "ViewPosition"
    for item in several(header, "ViewCodeSequence"):
        if isinstance(item, Dataset) and (coded := _coded_view(item)):
            return coded, "ViewCodeSequence"
    letters = [str(value).strip().upper()[:1] for value in several(header, "PatientOrientation")]
    axes = frozenset(AXES.get(letter, "") for letter in letters)
    if len(letters) == 2 and axes in VIEW_OF_AXES:  # noqa: PLR2004 - of rows, and of columns
        return VIEW_OF_AXES[axes], "PatientOrientation"
    return None, CLASSIFIER


def body_part(header: Dataset) -> str:
    """BodyPartExamined, or else the anatomic regions' meanings, in capitals; empty if unknown."""
    regions = several(header, "AnatomicRegionSequence")
    meanings = (_words(item, "CodeMeaning") for item in regions if isinstance(item, Dataset))
    return _words(header, "BodyPartExamined") or ", ".join(filter(None, meanings))


def _coded_view(item: Dataset) -> View | None:
    meaning = _words(item, "CodeMeaning").lower()
    if meaning in VIEW_CODES:
        return VIEW_CODES[meaning]
    code = Code(text(item, "CodeValue"), text(item, "CodingSchemeDesignator"), meaning)
    return next((view for known, view in PROJECTIONS.items() if known == code), None)


def _is_chest(words: str) -> bool:
    return any(pattern.search(words) for pattern in (CHEST, LUNG))


def _other_part(words: str) -> str | None:
    found = None if _is_chest(words) else OTHER_PARTS.search(words)
    return found and found.group()


def _frames(header: Dataset) -> int:
    value = text(header, "NumberOfFrames")
    return int(value) if value.isdigit() else 1


def _words(header: Dataset, keyword: str) -> str:
    return " ".join(_values(header, keyword)).replace("_", " ").strip()


def _values(header: Dataset, keyword: str) -> Iterator[str]:
    yield from (str(value).upper() for value in several(header, keyword))
