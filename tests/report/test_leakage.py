"""What the page says of the audit itself: how often it accuses where the truth is known."""

import json
from dataclasses import replace

from camchex.report.inputs import ReportInputs
from camchex.report.leakage import simulated_cohorts
from camchex.report.page import render_report
from tests.report.workspace import PROJECT, without_curves


def cohort(share: float, *accused: bool | None) -> dict[str, object]:
    """True share; whether the headline accuses, and whether the whole range does."""
    return {"true_share": share} | dict(zip(("accused", "accused_by_range"), accused, strict=True))


def test_cohorts_are_counted_by_whether_they_have_a_leak() -> None:
    yes, no, unknown = True, False, None
    found = {
        "cohorts": {"clean": cohort(1.0, no, no), "missed": cohort(0.999, yes, no)},
        "generated": {
            "clean": cohort(1.004, unknown, unknown),
            "leak": cohort(0.4, yes, yes),
            "hidden": cohort(0.98, yes, no),
        },
    }
    shown = simulated_cohorts(found)
    assert shown is not None
    assert shown.accused == {False: (3, 1, 0), True: (2, 2, 1)}
    assert len(shown.rows) == 5  # of both kinds, also where they have one name
    assert simulated_cohorts(None) is None


def test_what_is_shown_is_what_was_measured_last() -> None:
    measured, shown = (
        json.loads((PROJECT / f"metrics/{folder}/audit_assumptions.json").read_text())
        for folder in ("ablations", "shown")
    )
    assert shown == measured


def test_the_page_tells_it_and_is_silent_where_nothing_was_simulated(inputs: ReportInputs) -> None:
    said = "simulated cohorts without a leak"
    quiet = without_curves(inputs)
    assert said not in render_report(quiet)
    found = json.loads((PROJECT / "metrics/shown/audit_assumptions.json").read_text())
    page = render_report(replace(quiet, simulated=found))
    assert said in page
    for name in (*found["cohorts"], *found["generated"]):
        assert name in page
