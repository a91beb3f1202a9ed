"""The report's section on the cohort: how many studies, and what they lack."""

from collections.abc import Mapping

from camchex.aggregates.results import Results
from camchex.report.markup import details, paragraph, table, text

IMAGES = "images_"  # how the file of a data set's images begins
ROWS = {
    "studies": "studies",
    "patients": "patients",
    "without_indication": "without an indication",
    "indication_reads_like_findings": "with an indication that reads like findings",
    "outside_ed_stay": "outside any emergency stay (no vital signs)",
    "without_mimic14": "without MIMIC-CXR-JPG labels",
}


def cohort_section(cohort: Results, data: Mapping[str, Results]) -> str:
    """Counts by split, and of what was left out or set aside; small ones read ``<5``.

    Args:
        cohort: As :func:`camchex.cohort.build.build_cohort` counts, with small cells hidden.
        data: Counts of every stage of data, by the name of its file.
    """
    splits = cohort["splits"]
    rows = [[label, *(text(s[key]) for s in splits.values())] for key, label in ROWS.items()]
    rows += [
        [f"{view} images", *(text(s["images"][view]) for s in splits.values())]
        for view in ("frontal", "lateral")
    ]
    classes = list(next(iter(splits.values()))["positive"])
    positive = [[text(n), *(_share(s["positive"][n]) for s in splits.values())] for n in classes]
    header = ["", *splits]
    return (
        table(header, rows)
        + paragraph(_left_out(cohort))
        + _quarantine(data)
        + details("Studies with each finding", table(header, positive))
    )


def _share(positive: Results) -> str:
    share = positive["share"]
    return text(positive["count"]) + ("" if share is None else f" ({share:.1%})")


def _left_out(cohort: Results) -> str:
    left_out = cohort["left_out"]
    return (
        f"Of {text(cohort['studies'])} studies, {text(left_out['no_split'])} are in no split and "
        f"{text(left_out['no_prepared_image'])} have no readable image. Of "
        f"{text(cohort['images'])} images, {text(cohort['images_not_prepared'])} could not be "
        "prepared."
    )


def _quarantine(data: Mapping[str, Results]) -> str:
    """Images of every data set, those set aside, and why."""
    rows = [
        [
            text(name.removeprefix(IMAGES)),
            text(counts["images"]),
            text(counts["prepared"]),
            ", ".join(
                f"{text(reason)}: {text(count)}"
                for reason, count in counts["unreadable"].items()
                if count
            )
            or "none",
        ]
        for name, counts in data.items()
        if name.startswith(IMAGES)
    ]
    header = ["images of", "listed", "prepared", "quarantined, by reason"]
    return table(header, rows) if rows else ""
