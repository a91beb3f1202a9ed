"""What is odd in the data: counts of the stages of data that are 0 where all is as it should be."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from camchex.aggregates.results import Results

ODD = (
    ("mimic", "view_position_against_view_code", "images whose ViewPosition and view code differ"),
    ("mimic", "view_position_unknown", "images whose ViewPosition is not known"),
    ("mimic", "mimic14.blank_rows", "studies in chexpert.csv without any label"),
    ("mimic", "studies_of_over_a_day", "studies with images over a day apart"),
    ("mimic", "official_split_without_image", "images of the official split that are not listed"),
    ("mimic", "no_finding_beside_a_finding.*.*", "labelled images with {1} beside a finding, {0}"),
    ("mimic", "mimic14.no_finding_beside_a_finding", "studies with No Finding beside a finding"),
    ("mimic", "mimic14.labels_without_study", "labels of studies that are not listed"),
    ("mimic", "other_tests_in_training.*.patients.in_training", "patients of {0} in training"),
    ("indications", "outcomes.report_missing", "studies without a report"),
    ("indications", "outcomes.report_empty", "studies with an empty report"),
    ("indications", "reports_without_known_header", "reports without any header that is known"),
    ("indications", "findings_cut", "indications cut where findings or an examination begin"),
    ("indications", "unknown_header_cut", "indications cut at a header that is not known"),
    ("indications", "invisible_characters", "reports with invisible characters, which are dropped"),
    ("vitals", "studies.linked_before_arrival", "studies linked to a stay that had not begun"),
    ("vitals", "studies.linked_after_departure", "studies linked to a visit that had ended"),
    ("vitals", "rows.*_*", "rows of the emergency department: {0}"),
    ("vitals", "values.*.*.out_of_range", "values out of range, dropped: {1} ({0})"),
    ("vitals", "values.*.*.diastolic_not_below_systolic", "values of crossed pressures: {1} ({0})"),
    ("cohort", "duplicates.alike.*.across_patients", "images with the picture of another patient"),
    ("cohort", "duplicates.alike.*.in_test", "images with the picture of a test study elsewhere"),
    ("duplicates", "alike.*.in_test", "images of {0} with the picture of a test study"),
    ("external_*", "test_list_not_in_table", "entries of a test list without an image"),
    ("external_*", "studies_with_several_labels", "studies whose images have different labels"),
    ("curated_*", "no_finding_beside_a_finding", "curated studies with No Finding and a finding"),
)
"""File below ``metrics/data``, keys of the count in it with points between, and what it counts."""


def odd_counts(data: Mapping[str, Results]) -> Iterator[tuple[str, str, int | str]]:
    """Yield the file, what is counted, and how often, wherever that is not 0.

    Args:
        data: Counts of every stage of data, by the name of its file.
    """
    for file, keys, what in ODD:
        for name in sorted(name for name in data if fnmatchcase(name, file)):
            for found, number in _below(data[name], keys.split(".")):
                if number:
                    yield name, what.format(*found), number


def _below(counts: Results | int | str, keys: list[str]) -> Iterator[tuple[list[str], int | str]]:
    """Yield the counts below keys, each with the names that stand where a key has a star."""
    if not isinstance(counts, Mapping):
        if not keys:
            yield [], counts
        return
    for name in (name for name in counts if keys and fnmatchcase(name, keys[0])):
        for names, number in _below(counts[name], keys[1:]):
            yield ([name] if "*" in keys[0] else []) + names, number
