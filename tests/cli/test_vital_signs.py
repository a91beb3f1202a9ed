"""Vital signs as typed: read under their published names, and never guessed."""

import pytest

from camchex.cli.vital_signs import parse_vital_signs
from camchex.errors import DataError


def test_vital_signs_are_read_under_their_published_names() -> None:
    assert parse_vital_signs("temperature=101.2, o2sat=91") == {
        "temperature_f": 101.2,
        "o2_saturation_pct": 91.0,
    }
    assert parse_vital_signs("") == {}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("temp=101", r"'temp=101'.*temperature, heartrate"),
        ("sbp=120,sbp=130", r"'sbp=130'.*once"),
        ("sbp", r"sbp=.*above 0"),
        ("sbp=high", r"sbp=high"),
        ("sbp=nan", r"sbp=nan"),
        ("heartrate=-3", r"heartrate=-3"),
        ("heartrate=1_0_0", r"heartrate=1_0_0: expected a number"),
        ("heartrate=\uff19\uff18", r"expected a number"),
        ("heartrate=100000", r"heartrate=100000: expected 20 to 300"),
        ("o2sat=0.95", r"o2sat=0\.95 looks like a share.*95"),
        ("sbp=80,dbp=120", r"diastolic_bp_mmhg=120 is not below systolic_bp_mmhg=80"),
        ("temperature=38.5", r"temperature=38\.5 looks like degrees Celsius.*101\.3"),
    ],
)
def test_a_vital_sign_is_never_guessed(given: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        parse_vital_signs(given)
