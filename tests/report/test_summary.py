"""Several seeds as one result."""

from pathlib import Path
from statistics import stdev

import pytest
from pydantic import ValidationError

from camchex.aggregates.results import read_results, rounded, write_results
from camchex.errors import DataError
from camchex.scores.params import AuditParams, EvaluationParams
from camchex.scores.seeds import mean_sd, over_seeds

BOOTSTRAP = {"resamples": 10, "seed": 0, "level": 0.95}


def test_valid_parameters_are_accepted() -> None:
    EvaluationParams(min_cell=5, bootstrap=BOOTSTRAP)


def test_bounds_become_the_mean_of_the_bounds_and_none_if_a_seed_has_none() -> None:
    seeds = [{"study": {"mAP_interval": ends}} for ends in ([0.2, 0.4], [0.4, 0.5])]
    assert over_seeds(seeds)["study"] == {"mAP_interval": [pytest.approx(0.3), pytest.approx(0.45)]}
    none = [*seeds, {"study": {"mAP_interval": None}}]
    assert over_seeds(none)["study"] == {"mAP_interval": None}


def test_scores_become_mean_and_sample_deviation() -> None:
    joined = over_seeds([{"study": {"mAP": v, "classes_scored": 26}} for v in (0.5, 0.6, 0.8)])
    assert joined["study"] == {
        "mAP": {"mean": pytest.approx(1.9 / 3), "sd": pytest.approx(stdev([0.5, 0.6, 0.8]))},
        "classes_scored": 26,
    }


def test_one_seed_has_no_spread_and_a_missing_score_no_mean() -> None:
    assert mean_sd([0.5]) == {"mean": 0.5, "sd": None}
    assert mean_sd([0.5, None]) == {"mean": None, "sd": None}
    assert mean_sd([]) == {"mean": None, "sd": None}


def test_seeds_that_scored_other_studies_are_refused() -> None:
    with pytest.raises(DataError, match=r"per_class.Edema.positives is \[12, 13\].*dvc repro"):
        over_seeds([{"per_class": {"Edema": {"AP": 0.5, "positives": n}}} for n in (12, 13)])


def test_seeds_with_other_classes_are_refused() -> None:
    with pytest.raises(DataError, match="per_class have other keys"):
        over_seeds([{"per_class": {name: {"AP": 0.5}}} for name in ("Edema", "Mass")])


def test_results_survive_the_file_rounded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    write_results({"mAP": 0.123456789, "names": ["a", 0.3000000001], "n": 3, "no": None}, path)
    assert read_results(path) == {"mAP": 0.123457, "names": ["a", 0.3], "n": 3, "no": None}


def test_rounding_leaves_whole_numbers_and_flags_alone() -> None:
    assert rounded({"n": 12345678, "flag": True}) == {"n": 12345678, "flag": True}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), ("{", "not valid JSON"), ("[1]", "found list")],
)
def test_a_file_that_is_not_results_is_an_error(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "seed0.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=rf"seed0.json: .*{message}"):
        read_results(path)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (EvaluationParams, {"min_cell": 0, "bootstrap": BOOTSTRAP}),
        (EvaluationParams, {"min_cell": 5, "bootstrap": {**BOOTSTRAP, "level": 1}}),
        (EvaluationParams, {"min_cell": 5, "bootstrap": {**BOOTSTRAP, "resamples": 0}}),
        (AuditParams, {"shuffles": 1, "seed": 0}),
        (AuditParams, {"shuffles": 5, "seed": -1}),
        (EvaluationParams, {"min_cell": 5, "bootstrap": BOOTSTRAP, "other": 1}),
    ],
)
def test_parameters_out_of_range_are_refused(
    model: type[AuditParams] | type[EvaluationParams], values: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        model(**values)
