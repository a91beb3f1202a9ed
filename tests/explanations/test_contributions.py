"""Shapley values: against all orders one by one, Captum's, and what the axioms say."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues

from camchex.explanations.contributions import (
    INPUTS,
    prior,
    shapley_values,
    study_worths,
    subsets,
)
from camchex.prediction.one_study import StudyInput, predict_study
from camchex.scores.calibration_file import log_odds
from tests.networks.small import camchex
from tests.prediction.test_one_study import picture

Worth = dict[frozenset[str], np.ndarray]


def drawn(seed: int, classes: int = 3) -> Worth:
    rng = np.random.default_rng(seed)
    return {some: rng.normal(size=classes) for some in subsets(INPUTS)}


@pytest.fixture
def study(tmp_path: Path) -> StudyInput:
    images = [
        (picture(tmp_path / "pa.png", 1), "frontal"),
        (picture(tmp_path / "ll.png", 2), "lateral"),
    ]
    vitals = {"temperature_f": 101.2, "heart_rate_bpm": 120}
    return StudyInput(images, "fall from a ladder, rib pain", vitals, "F")


def test_there_are_sixteen_subsets_of_four_inputs() -> None:
    assert len(set(subsets(INPUTS))) == 16


def test_contributions_are_the_mean_over_all_orders_of_what_an_input_adds() -> None:
    worth = drawn(0)
    expected = np.zeros((4, 3))
    for order in permutations(range(4)):
        before: frozenset[str] = frozenset()
        for place in order:
            after = before | {INPUTS[place]}
            expected[place] += (worth[after] - worth[before]) / 24
            before = after
    np.testing.assert_allclose(shapley_values(worth, INPUTS), expected, atol=1e-12)


def test_captum_finds_the_same_contributions() -> None:
    worth = drawn(1, classes=1)

    def said(given: torch.Tensor) -> torch.Tensor:
        rows = [frozenset(n for n, has in zip(INPUTS, row, strict=True) if has) for row in given]
        return torch.tensor([worth[some][0] for some in rows])

    expected = ShapleyValues(said).attribute(torch.ones(1, 4), baselines=0)
    found = shapley_values(worth, INPUTS)[:, 0]
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-6)


def test_contributions_add_up_to_the_difference_between_everything_and_nothing() -> None:
    worth = drawn(2)
    total = worth[frozenset(INPUTS)] - worth[frozenset()]
    np.testing.assert_allclose(shapley_values(worth, INPUTS).sum(0), total, atol=1e-12)


def test_inputs_that_do_the_same_contribute_the_same() -> None:
    by_count = np.random.default_rng(3).normal(size=5)
    worth = {some: np.array([by_count[len(some)]]) for some in subsets(INPUTS)}
    assert np.ptp(shapley_values(worth, INPUTS)) < 1e-12


def test_an_input_that_changes_nothing_contributes_exactly_nothing() -> None:
    worth = drawn(4)
    same = {some: worth[some - {"vitals"}] for some in worth}
    assert (shapley_values(same, INPUTS)[3] == 0).all()


def test_the_worth_of_a_study_is_what_the_model_predicts_of_its_parts(study: StudyInput) -> None:
    model = camchex()
    worth = study_worths(model, study)
    whole = log_odds(np.array([*predict_study(model, study).values()]))
    np.testing.assert_allclose(worth[frozenset(INPUTS)], whole, atol=1e-9)
    part = replace(study, images=study.images[1:], vitals=None, gender=None)
    some = log_odds(np.array([*predict_study(model, part).values()]))
    np.testing.assert_allclose(worth[frozenset({"lateral", "indication"})], some, atol=1e-9)
    nothing = log_odds(np.array([*predict_study(model, StudyInput()).values()]))
    np.testing.assert_allclose(worth[frozenset()], nothing, atol=1e-9)
    found = shapley_values(worth, INPUTS)
    np.testing.assert_allclose(found.sum(0), whole - nothing, atol=1e-9)
    assert (np.abs(found) > 0).all()


def test_an_input_that_a_study_lacks_contributes_exactly_nothing(study: StudyInput) -> None:
    lacking = replace(study, images=study.images[:1], indication=" ")
    found = shapley_values(study_worths(camchex(), lacking), INPUTS)
    assert (found[[1, 2]] == 0).all()
    assert (found[[0, 3]] != 0).all()


def test_a_model_that_refuses_a_study_of_nothing_answers_with_its_own_constant(
    study: StudyInput,
) -> None:
    model = camchex(inputs=["images"])
    with torch.no_grad():
        model.decoder.pooling_bias.copy_(torch.tensor([-1.0, -2.0, -3.0]))
    worth = study_worths(model, study)
    assert worth[frozenset()].tolist() == [-1.0, -2.0, -3.0] == prior(model).tolist()
    found = shapley_values(worth, INPUTS)
    assert (found[2:] == 0).all()
    np.testing.assert_allclose(found.sum(0), worth[frozenset(INPUTS)] - prior(model), atol=1e-9)
