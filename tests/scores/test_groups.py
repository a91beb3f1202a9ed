"""Head, body and tail against the counts and scores that are published."""

from statistics import fmean

import pytest

from camchex.comparisons.paper import paper_groups, paper_numbers, paper_overall
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.scores.evaluate import PAPER, groupings

ROWS = paper_numbers()["tableA2"]
COUNTS = {name: row["train_images"] for name, row in ROWS.items()}
IMAGES = dict.fromkeys(COUNTS, 264_849)


def sizes(groups: dict[str, list[str]]) -> list[int]:
    return [len(groups[name]) for name in ("head", "body", "tail")]


def test_the_published_training_counts_give_the_three_groupings() -> None:
    found = groupings(COUNTS, IMAGES)
    assert sizes(found["paper"]) == [8, 10, 8]
    assert sizes(found["percent"]) == [9, 11, 6]
    assert sizes(found["challenge"]) == [13, 10, 3]


def test_every_grouping_has_every_class_once() -> None:
    for groups in groupings(COUNTS, IMAGES).values():
        assert sorted(name for names in groups.values() for name in names) == sorted(CXR_LT_2023)


def test_the_papers_groups_are_not_the_percentages_it_prints() -> None:
    percent = groupings(COUNTS, IMAGES)["percent"]
    assert "Enlarged Cardiomediastinum" in PAPER["body"]
    assert "Enlarged Cardiomediastinum" in percent["head"]
    for name in ("Pleural Thickening", "Tortuous Aorta"):
        assert name in PAPER["tail"]
        assert name in percent["body"]


def test_a_class_at_a_bound_is_body() -> None:
    found = groupings({"a": 10_000, "b": 1_000}, {"a": 100_000, "b": 100_000})
    assert found["percent"]["body"] == ["a", "b"]
    assert found["challenge"]["body"] == ["a", "b"]


def test_unknown_labels_do_not_make_a_class_rare() -> None:
    assert groupings({"a": 20}, {"a": 100})["percent"]["head"] == ["a"]
    assert groupings({"a": 0}, {"a": 0})["percent"]["tail"] == ["a"]


def test_the_papers_own_groups_need_its_own_classes() -> None:
    counts = {name: COUNTS[name] for name in MIMIC_14}
    assert set(groupings(counts, counts)) == {"percent", "challenge"}


def test_table_a2_regrouped_like_the_models_it_is_compared_with() -> None:
    assert paper_groups()["challenge"] == pytest.approx(
        {"head": 0.734, "body": 0.438, "tail": 0.393}, abs=0.0006
    )
    assert paper_groups()["percent"] == pytest.approx(
        {"head": 0.732, "body": 0.502, "tail": 0.4995}, abs=0.0006
    )


def test_the_rows_of_table_a2_give_the_means_it_prints_but_for_the_tail() -> None:
    printed = paper_numbers()["table2"][-1]
    own = paper_groups()["paper"]
    assert own["head"] == pytest.approx(printed["head"], abs=0.0005)
    assert own["body"] == pytest.approx(printed["body"], abs=0.0005)
    assert own["tail"] == pytest.approx(0.4141, abs=0.0001)  # printed: 0.408
    assert paper_overall() == pytest.approx({"mAP": 0.5809, "AUROC": 0.9196}, abs=0.0001)


def test_the_quoted_models_are_grouped_13_10_3() -> None:
    total = {row["model"]: row["mAP"] for row in paper_numbers()["table1"]}
    quoted = paper_numbers()["table2"][:-1]
    assert len(quoted) == 9
    for row in quoted:
        mean = (13 * row["head"] + 10 * row["body"] + 3 * row["tail"]) / 26
        # printed to three decimals: half a unit in the groups, and another in the mean
        assert mean == pytest.approx(total[row["model"]], abs=0.001)
        as_ours = (8 * row["head"] + 10 * row["body"] + 8 * row["tail"]) / 26
        assert abs(as_ours - total[row["model"]]) > 0.03


def test_the_training_counts_are_those_of_the_challenge() -> None:
    assert list(COUNTS) == list(CXR_LT_2023)
    prevalence = fmean(count / paper_numbers()["train_images"] for count in COUNTS.values())
    assert prevalence == pytest.approx(0.0923, abs=0.0001)
