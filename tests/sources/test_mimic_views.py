"""Which view an image is: the published grouping, and never neither."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.sources.mimic.mimic_views import RULES, decide_view

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
