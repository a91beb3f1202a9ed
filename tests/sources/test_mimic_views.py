"""Which view an image is: the published grouping, and never neither."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.sources.mimic.mimic_views import (
    RULES,
    VIEW_COLUMNS,
    count_contradicted,
    count_unknown_positions,
    decide_view,
    decide_views,
    says_two_views,
)

# docs/method.md, section 2: images of MIMIC-CXR by ViewPosition, and what is read as which view.
FRONTAL = {
    "AP": 147_173,
    "PA": 96_161,
    "PA LLD": 4,
    "LAO": 3,
    "RAO": 3,
    "AP AXIAL": 2,
    "AP LLD": 2,
    "AP RLD": 2,
    "PA RLD": 1,
    "LPO": 1,
    "RPO": 0,  # of MIT's map only
}
LATERAL = {"LATERAL": 82_853, "LL": 35_133, "XTABLE LATERAL": 2, "SWIMMERS": 1}
PORTABLE = "CHEST (PORTABLE AP)"
BLANK = 15_769
text = (
    st.none() | st.text() | st.sampled_from([*FRONTAL, *LATERAL, "lateral", "CHEST (PORTABLE AP)"])
)


@pytest.mark.parametrize("position", FRONTAL)
def test_a_published_frontal_position_decides(position: str) -> None:
    assert decide_view(position, "lateral", None, None) == ("frontal", "ViewPosition")


@pytest.mark.parametrize("position", LATERAL)
def test_a_published_lateral_position_decides(position: str) -> None:
    assert decide_view(position, "antero-posterior", "PORTABLE", None) == (
        "lateral",
        "ViewPosition",
    )


@pytest.mark.parametrize(
    ("code", "view"),
    [
        ("antero-posterior", "frontal"),
        ("postero-anterior", "frontal"),
        ("lateral", "lateral"),
        ("left lateral", "lateral"),
    ],
)
@pytest.mark.parametrize("position", [None, "", "L5 S1"])
def test_the_view_code_decides_where_the_position_does_not(
    position: str | None, code: str, view: str
) -> None:
    assert decide_view(position, code, "CHEST (PORTABLE AP)", None) == (view, "ViewCodeSequence")


@pytest.mark.parametrize(
    "procedure", ["CHEST (PORTABLE AP)", "Chest portable", "CHEST (SINGLE AP)"]
)
def test_a_portable_or_single_ap_procedure_is_frontal(procedure: str) -> None:
    expected = ("frontal", "ProcedureDescription")
    assert decide_view(None, None, procedure, None) == expected
    assert decide_view(None, None, None, procedure) == expected


@pytest.mark.parametrize("procedure", [None, "CHEST (PA AND LAT)", "CHEST (AP AND LAT)", "CAP"])
def test_an_image_that_nothing_names_is_read_as_frontal_and_said_to_be(
    procedure: str | None,
) -> None:
    assert decide_view(None, None, procedure, None) == ("frontal", "default")


@given(text, text, text, text)
def test_every_image_has_a_view_and_a_rule(
    position: str | None, code: str | None, step: str | None, procedure: str | None
) -> None:
    view, source = decide_view(position, code, step, procedure)
    assert view in ("frontal", "lateral")
    assert source in RULES


@given(st.sampled_from([*FRONTAL, *LATERAL]), st.sampled_from(["", " ", "\t"]))
def test_case_and_spaces_do_not_matter(position: str, space: str) -> None:
    written = space + position.lower().replace(" ", f" {space}") + space
    assert decide_view(written, None, None, None) == decide_view(position, None, None, None)


def test_the_published_positions_are_all_the_images_and_decide_all_but_the_blank_ones() -> None:
    published = FRONTAL | LATERAL | {"": BLANK}
    assert sum(published.values()) == 377_110
    decided = Counter[tuple[str, str]]()
    for position, images in published.items():
        decided[decide_view(position, None, None, None)] += images
    assert decided == {
        ("frontal", "ViewPosition"): 243_352,
        ("lateral", "ViewPosition"): 117_989,
        ("frontal", "default"): BLANK,  # without the other columns
    }


PA_AND_LAT = "CHEST (PA AND LAT)"


def decide(*images: tuple[str, str, str]) -> list[tuple[str, str]]:
    """Views and rules of images given as study, position and procedure."""
    columns = [[p for _, p, _ in images], [None] * len(images), [d for *_, d in images]]
    columns.append([None] * len(images))
    headers = {n: pa.array(c, pa.string()) for n, c in zip(VIEW_COLUMNS, columns, strict=True)}
    views, rules = decide_views(headers, pa.array([study for study, *_ in images]))
    return list(zip(views.to_pylist(), rules.to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (["PA"], ("lateral", "OtherImage")),
        (["AP", "PA"], ("lateral", "OtherImage")),
        (["LATERAL"], ("frontal", "OtherImage")),
        (["PA", "LL"], ("frontal", "default")),  # both are there
        (["LAO"], ("frontal", "default")),  # an oblique view has no pair
        (["PA LLD"], ("frontal", "default")),
        ([""], ("frontal", "default")),  # two of unknown view
        (["PA", ""], ("frontal", "default")),
        ([], ("frontal", "default")),
    ],
)
def test_the_one_blank_image_of_two_views_is_the_view_that_is_missing(
    known: list[str], expected: tuple[str, str]
) -> None:
    others = [("50", position, PA_AND_LAT) for position in known]
    elsewhere = ("51", "PA", PA_AND_LAT), ("51", "LL", PA_AND_LAT)
    for at in range(len(others) + 1):
        images = [*others[:at], ("50", "", PA_AND_LAT), *others[at:], *elsewhere]
        assert decide(*images)[at] == expected


@pytest.mark.parametrize(
    ("procedure", "two"),
    [
        (PA_AND_LAT, True),
        ("CHEST PA & LATERAL", True),
        ("CHEST (AP AND LAT)", True),
        ("Chest (lat and pa)", True),
        ("DX CHEST 2 VIEW PICC LINE PLACEMENT", True),
        ("CHEST TWO VIEWS", True),
        ("CHEST FRONTAL AND LATERAL", True),
        ("CHEST PA/LAT", True),
        ("CHEST (PORTABLE AP)", False),
        ("CHEST (SINGLE VIEW)", False),
        ("CHEST (PA, LAT & OBLIQUES)", False),
        ("CHEST (LAT DECUB ONLY)", False),
        ("CHEST (PA, LAT & LORDOTIC)", False),
        ("CHEST 4 VIEWS, PA, LAT, BOTH OBLIQUES", False),
        ("CHEST", False),
        ("FLAT PLATE", False),
        ("CHEST (PORTABLE AP AND LAT)", True),
        ("CHEST PORTABLE 2 VIEWS", True),
        ("CHEST 2 VW", True),
        ("CHEST 2VW", True),
        ("CHEST 2 VWS", True),
        ("CHEST_PA_LAT", True),
        ("CHEST (BOTH VIEWS)", True),
        ("CHEST POSTEROANTERIOR AND LATERAL", True),
        ("CHEST ANTERO-POSTERIOR AND LATERAL", True),
        ("CHEST PA AND LAT, EXPERT READ", True),
        ("CHEST (PA AND LAT) INSPECTION", True),
        ("PRE-EXPLANT PA AND LAT", True),
        ("CHEST PA AND LAT EXPIRATION", False),
        ("CHEST PA AND LAT INSP/EXP", False),
        ("RIBS 2 VIEWS", False),
        ("ABDOMEN 2 VIEWS", False),
        ("AP ABDOMEN AND LATERAL", False),
        ("DUPLEX 2 VIEWS", False),
        ("", False),
    ],
)
def test_a_procedure_says_two_views_only_where_it_is_a_frontal_and_a_lateral(
    procedure: str,
    two: bool,  # noqa: FBT001 - expected value
) -> None:
    assert says_two_views(procedure, None) is two
    assert says_two_views(None, procedure) is two


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["50", "51", "52"]),
            st.sampled_from(["", "PA", "AP", "LL", "LAO", "odd"]),
            st.sampled_from(["", PA_AND_LAT, "CHEST (PORTABLE AP)", "CHEST"]),
        ),
        max_size=9,
    )
)
def test_a_view_that_an_images_own_header_tells_is_never_changed(
    images: list[tuple[str, str, str]],
) -> None:
    alone = [decide_view(position, None, procedure, None) for _, position, procedure in images]
    for own, found in zip(alone, decide(*images), strict=True):
        assert found == own or (own == ("frontal", "default") and found[1] == "OtherImage")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([("AP", "CHEST (PORTABLE AP AND LAT)"), ("", "CHEST (PORTABLE AP AND LAT)")], True),
        ([("PA", PA_AND_LAT), ("", "")], True),  # the study's procedure
        ([("PA", PA_AND_LAT), ("AP", PORTABLE), ("", PA_AND_LAT)], True),
        ([("AP", PORTABLE), ("", PA_AND_LAT)], False),  # either view of the pair
        ([("PA", PA_AND_LAT), ("AP", PORTABLE), ("", "")], False),  # of either procedure
        ([("AP", "RIBS 2 VIEWS"), ("", "RIBS 2 VIEWS")], False),
    ],
)
def test_the_procedures_of_a_study_are_read_together(
    images: list[tuple[str, str]],
    expected: bool,  # noqa: FBT001 - expected value
) -> None:
    found = decide(*(("50", *image) for image in images))[-1]
    assert found == (("lateral", "OtherImage") if expected else ("frontal", "default"))


@pytest.mark.parametrize("texts", [(PA_AND_LAT, PORTABLE), (PORTABLE, PA_AND_LAT)])
def test_two_texts_that_contradict_each_other_decide_nothing(texts: tuple[str, str]) -> None:
    assert decide_view(None, None, *texts) == ("frontal", "default")
    assert not says_two_views(*texts)


@pytest.mark.parametrize("position", ["LAT", "L LAT", "LEFT LATERAL", "RIGHT LATERAL"])
def test_further_spellings_of_a_lateral_position_decide(position: str) -> None:
    assert decide_view(position, None, PORTABLE, None) == ("lateral", "ViewPosition")


def test_positions_that_contradict_their_code_are_counted() -> None:
    rows = [("PA", "lateral"), ("LL", "antero-posterior"), ("ll", "Left lateral"), ("PA", None)]
    rows += [("", "lateral"), ("odd", "lateral"), ("PA", "odd"), ("PA", "lateral")]
    columns = [*zip(*rows, strict=True)]
    headers = {n: pa.array(c) for n, c in zip(VIEW_COLUMNS[:2], columns, strict=True)}
    assert count_contradicted(headers) == 3


def test_positions_that_no_rule_knows_are_counted() -> None:
    positions = pa.array(["PA", None, "left_lateral", "TANGENTIAL", "LAO", "TANGENTIAL"])
    assert count_unknown_positions({"ViewPosition": positions}) == 2
