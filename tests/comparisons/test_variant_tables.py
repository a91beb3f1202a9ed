"""Tables of several models: their arithmetic by hand, and what they say of the paper."""

import csv
import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

from camchex.comparisons.paper import paper_numbers
from camchex.comparisons.variant_tables import (
    Spreads,
    paired_difference,
    read_perturbed,
    read_scores,
    variant_table,
)
from camchex.comparisons.variant_text import CSV_HEADER, csv_rows, markdown
from camchex.comparisons.variant_trainings import read_trained
from camchex.comparisons.variants import COMPARISONS, TABLE3, Comparison, Row
from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from stages import compare_variants as stage
from tests.scores import factories

ROWS = (
    Row("before", "without", paper=("table3", "Multi-View")),
    Row("after", "with", paper=("table3", "MV + CI")),
    Row("single", "one model", "image_model"),
)
PAIR = Comparison("two models", ROWS, (("before", "after"), ("single", "after")))
SCORES = {
    "before": {"mAP": [0.30, 0.34, 0.32], "AUROC": [0.7, 0.7, 0.7]},
    "after": {"mAP": [0.40, 0.41, 0.45], "AUROC": [0.8, 0.9, 0.7]},
    "single": {"mAP": [0.40], "AUROC": [0.75]},
}


def scores_of(row: Row, seed: int) -> Path:
    """Where the pipeline puts the scores of a row."""
    return Path(stage.SCORES_OF[row.kind].format(name=row.name, seed=seed))


def write(path: Path, value: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"study": {"mAP": value, "AUROC": value + 0.4}, "image": {}}))


def size_of(row: Row) -> Path:
    return Path(stage.SIZE_OF[row.kind].format(name=row.name, seed=0))


def write_size(path: Path, parameters: int, epochs: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"parameters": parameters, "epochs": epochs}))


def test_differences_are_paired_by_seed() -> None:
    found = paired_difference(SCORES["before"]["mAP"], SCORES["after"]["mAP"])
    # 0.10, 0.07, 0.13: mean 0.10, squared deviations 0, 9e-4, 9e-4 over 3 - 1
    assert found["mean"] == pytest.approx(0.10)
    assert found["sd"] == pytest.approx(math.sqrt(18e-4 / 2))
    assert found["clear"] is True


def test_a_difference_within_twice_its_spread_is_not_clear() -> None:
    found = paired_difference(SCORES["before"]["AUROC"], SCORES["after"]["AUROC"])
    # 0.1, 0.2, 0.0: mean 0.1, sd 0.1
    assert (found["mean"], found["sd"]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert found["clear"] is False


def test_a_fall_can_be_as_clear_as_a_rise() -> None:
    assert paired_difference([0.40, 0.41, 0.45], [0.30, 0.34, 0.32])["clear"] is True


def test_a_single_model_is_paired_with_every_seed() -> None:
    found = paired_difference([0.40], [0.40, 0.41, 0.45])
    assert found["mean"] == pytest.approx(0.02)
    assert found["sd"] == pytest.approx(math.sqrt((4e-4 + 1e-4 + 9e-4) / 2))


@pytest.mark.parametrize(("before", "after"), [([0.1], [0.2]), ([0.1, None], [0.2, 0.3])])
def test_where_no_spread_is_known_nothing_is_clear(
    before: list[float | None], after: list[float | None]
) -> None:
    assert paired_difference(before, after)["sd"] is None
    assert paired_difference(before, after)["clear"] is None


def test_the_variance_of_rounding_is_added_to_that_of_the_seeds() -> None:
    before, after = SCORES["before"]["mAP"], SCORES["after"]["mAP"]  # mean 0.10, sd 0.03
    for perturbed, clear in ((0.0, True), (0.039, True), (0.041, False)):  # 0.05 at 0.04
        found = paired_difference(before, after, perturbed)
        assert found["clear"] is clear
        assert found["sd"] == pytest.approx(0.03)  # what is shown stays that of the seeds
        assert found["sd_perturbed"] == perturbed


def test_two_single_models_are_judged_by_rounding_alone() -> None:
    assert paired_difference([0.1], [0.2], 0.04)["clear"] is True
    assert paired_difference([0.1], [0.2], 0.06)["clear"] is False
    assert paired_difference([0.1], [0.2], 0.06)["sd"] is None
    assert paired_difference([None], [0.2], 0.06)["clear"] is None


def recorded(path: Path, **kinds: tuple[float | None, list[str]]) -> Path:
    trainings = {
        kind: {
            "data": "synthetic",
            "settings": settings,
            "perturbed": {f"test_{s}": {"sd": sd} for s in SCORES_SHOWN},
        }
        for kind, (sd, settings) in kinds.items()
    }
    path.write_text(json.dumps({"machine": "one", "trainings": trainings}))
    return path


SCORES_SHOWN = ("mAP", "AUROC")


def test_only_recorded_trainings_with_the_own_settings_count(tmp_path: Path) -> None:
    path = recorded(
        tmp_path / "stability.json",
        teacher=(0.02, []),
        fusion=(None, []),
        student=(0.01, ["noisy_student.student.epochs=2"]),
    )
    assert read_perturbed(path, "synthetic") == {"teacher": {"mAP": 0.02, "AUROC": 0.02}}
    assert read_perturbed(tmp_path / "none.json", "real") == read_perturbed(None, "real") == {}
    assert read_perturbed(path, "real") == {}
    path.write_text('{"comparisons": []}')
    with pytest.raises(DataError, match=r"stability.*Record it again"):
        read_perturbed(path, "synthetic")


def test_each_step_adds_the_rounding_of_the_trainings_of_its_two_rows(tmp_path: Path) -> None:
    rows = (*ROWS[:2], Row("single", "one model", "image_model", training="teacher"))
    pair = Comparison(PAIR.title, rows, PAIR.steps)
    perturbed = read_perturbed(
        recorded(tmp_path / "x", teacher=(0.03, []), fusion=(0.04, [])), "synthetic"
    )
    table = variant_table(pair, SCORES, [0, 1, 2], "synthetic", Spreads(perturbed))
    both, mixed = (step["mAP"]["sd_perturbed"] for step in table["steps"])
    assert both == pytest.approx(0.04 * math.sqrt(2))
    assert mixed == pytest.approx(0.05)
    assert "differ by rounding" in markdown(table)
    fusions = Spreads({"fusion": perturbed["fusion"]})
    _, unknown = variant_table(pair, SCORES, [0, 1, 2], "synthetic", fusions)["steps"]
    assert "sd_perturbed" not in unknown["mAP"]
    assert "rounding" not in markdown(variant_table(pair, SCORES, [0, 1, 2], "synthetic"))


def test_each_row_of_an_image_model_names_its_training() -> None:
    found = {
        row.name: row.training
        for comparison in COMPARISONS.values()
        for row in comparison.rows
        if row.kind == "image_model"
    }
    students = dict.fromkeys(("gen1", "gen2", "gen3", "gen4"), "student")
    assert found == {"gen0": "teacher", **students, "views": "view_finetuning"}


def test_a_table_has_means_spreads_and_the_papers_numbers() -> None:
    table = variant_table(PAIR, SCORES, [0, 1, 2], "synthetic")
    row = table["rows"]["before"]
    assert row["mAP"] == {"mean": pytest.approx(0.32), "sd": pytest.approx(0.02)}
    assert row["paper"] == {"mAP": 0.392, "AUROC": 0.859}
    assert row["models"] == 3
    assert table["rows"]["single"]["mAP"] == {"mean": 0.40, "sd": None}
    assert table["rows"]["single"]["paper"] is None
    with_paper, without = table["steps"]
    assert with_paper["paper"]["mAP"] == pytest.approx(0.551 - 0.392)
    assert without["paper"] is None


def test_numbers_of_other_labels_make_no_difference_with_the_papers_own() -> None:
    for name in ("chexfusion", "mmbt"):
        comparison = COMPARISONS["baselines"]
        scores = {row.name: SCORES["after"] for row in comparison.rows}
        table = variant_table(comparison, scores, [0, 1, 2], "real")
        (step,) = (s for s in table["steps"] if s["from"] == name)
        assert table["rows"][name]["paper"]["AUROC"] in {0.850, 0.806}
        assert step["paper"] is None


def test_table_3_has_the_rows_of_the_paper_in_its_order() -> None:
    printed = [row["model"] for row in paper_numbers()["table3"]]
    assert [row.paper[1] for row in TABLE3.rows if row.paper] == printed


def test_the_steps_of_table_3_climb_through_the_papers_scores() -> None:
    paper = {r["model"]: r["mAP"] for r in paper_numbers()["table3"]}
    score = {row.name: paper[row.paper[1]] for row in TABLE3.rows if row.paper}
    climb = sorted(score, key=score.__getitem__)
    assert list(TABLE3.steps) == list(pairwise(climb))


@pytest.mark.parametrize("comparison", COMPARISONS.values(), ids=COMPARISONS.keys())
def test_every_step_is_between_rows_of_its_table(comparison: Comparison) -> None:
    names = [row.name for row in comparison.rows]
    assert len(set(names)) == len(names)
    assert {name for step in comparison.steps for name in step} <= set(names)


def test_scores_of_undeclared_seeds_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1, 7):
        write(scores_of(ROWS[0], seed), seed / 10)
    assert read_scores(ROWS[0], [0, 1], stage.SCORES_OF)["mAP"] == [0.0, 0.1]


def test_a_missing_or_a_foreign_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"before/seed0\.json: no such file"):
        read_scores(ROWS[0], [0], stage.SCORES_OF)
    path = scores_of(ROWS[2], 0)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(DataError, match=r"single\.json: no scores per study"):
        read_scores(ROWS[2], [0], stage.SCORES_OF)


@pytest.mark.parametrize(("root", "says"), [("data/synthetic/raw", True), ("/elsewhere", False)])
def test_the_stage_says_on_what_data_it_all_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, *, says: bool
) -> None:
    parameters = read_yaml(Path("params.yaml"))
    parameters["data"]["root"], parameters["seeds"] = root, [0, 1]
    (tmp_path / "params.yaml").write_text(yaml_text(parameters))
    invented = factories.invent({"test": 20})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    tables.write(cohort, tmp_path / "cohort.parquet", schemas.cohort(CXR_LT_2023))
    for number, row in enumerate(TABLE3.rows):
        for seed in (0, 1):
            write(tmp_path / scores_of(row, seed), number / 10 + seed / 100)
        write_size(tmp_path / size_of(row), 1000 * number, 7)
    monkeypatch.chdir(tmp_path)
    out, rows, text = (Path(f"out/table.{end}") for end in ("json", "csv", "md"))
    stage.main("table3", Path("cohort.parquet"), out, rows, text, Path("stability.json"))
    assert (json.loads(out.read_text())["data"] == "synthetic") is says
    shown = text.read_text()
    assert ("Synthetic data" in shown and "not comparable" in shown) is says
    assert "0.405 ± 0.007" in shown  # mv_ci: 0.40 and 0.41
    assert "| 4,000 | 7 | 0.551 | 0.903 | MIMIC-CXR |" in shown
    assert len(list(csv.DictReader(rows.read_text().splitlines()))) == len(TABLE3.rows)


def test_what_was_trained_is_summed_over_the_models_put_together_and_over_averaged_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = (
        Row("joint", "one", "final"),
        Row("apart", "two", trained=("images", "words")),
        Row("averaged", "two, averaged", "ensemble", of="apart"),
    )
    write_size(size_of(rows[0]), 500, 7)
    write_size(size_of(Row("images", "")), 300, 7)
    write_size(size_of(Row("words", "")), 40, 9)
    table = Comparison("sizes", rows, [])
    found = [read_trained(row, table, [0, 1, 2], stage.SIZE_OF) for row in rows]
    assert [list(each.values()) for each in found] == [[1, 500, 7], [2, 340, 16], [6, 1020, 48]]
    write_size(size_of(rows[0]), None, 7)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"fusion_seed0/size\.json: not the size"):
        read_trained(rows[0], table, [0], stage.SIZE_OF)


@pytest.mark.parametrize("known", [True, False])
def test_every_row_of_the_text_and_of_the_file_has_every_column(*, known: bool) -> None:
    size = {"trainings": 3, "parameters": 1234567, "epochs": 21}
    trained = dict.fromkeys(SCORES, size) if known else None
    table = variant_table(PAIR, SCORES, [0, 1, 2], "synthetic", trained=trained)
    assert ("1,234,567 | 21 in 3 trainings" in markdown(table)) is known
    assert {len(list(row)) for row in csv_rows(table)} == {len(CSV_HEADER)}
    lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
    widths = [line.count("|") for line in lines]
    assert len(set(widths[:5])) == len(set(widths[5:])) == 1
