"""What a stay and the values of vital signs are worth, where the best possible answer is known."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from camchex.audit.scorer import Scorer
from camchex.audit.vitals import in_department, knowing_the_stay, vitals_results
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import LabelSet
from camchex.texts.vitals_text import vitals_text
from tests.scores import factories

STUDIES, IMAGE, VALUE = 20_000, 1.0, 1.2  # distance between positives and negatives, in deviations


def worth(inside: float, outside: float, scale: float, shift: float) -> tuple[float, float, float]:
    """What the stay is worth by its truth, as told here, and as told by others' values.

    The finding has one prevalence inside the emergency department and one outside. The model is the
    best possible one; its log-odds are then scaled and shifted.
    """
    draw = np.random.default_rng(0)
    department = draw.random(STUDIES) < 0.5
    truth = draw.random(STUDIES) < np.where(department, inside, outside)
    image, value = (truth * d + draw.normal(size=STUDIES) for d in (IMAGE, VALUE))
    others = value.copy()
    others[department] = draw.permutation(value[department])
    seen = IMAGE * image - IMAGE**2 / 2

    def model(stay: float, values: np.ndarray) -> np.ndarray:
        known = np.where(department, stay + values, logit(outside))
        return expit(scale * (seen + known) + shift)

    def told(values: np.ndarray) -> np.ndarray:
        return model(logit(inside), VALUE * values - VALUE**2 / 2)

    bare = model(logit(outside), np.zeros(STUDIES))
    knowing = knowing_the_stay(told(value)[:, None], bare[:, None], department)[:, 0]
    start = roc_auc_score(truth, bare)
    best, found, swapped = (
        roc_auc_score(truth, p) - start
        for p in (model(logit(inside), np.zeros(STUDIES)), knowing, told(others))
    )
    return best, found, swapped


@pytest.mark.parametrize(("inside", "outside"), [(0.2, 0.2), (0.05, 0.05), (0.3, 0.15), (0.1, 0.3)])
def test_the_worth_of_the_stay_is_its_truth(inside: float, outside: float) -> None:
    best, found, swapped = worth(inside, outside, 1, 0)
    assert found == pytest.approx(best, abs=0.003)
    assert swapped < best - 0.02  # values of others mislead


@pytest.mark.parametrize(("scale", "shift"), [(0.5, 1.0), (2.0, 0.0), (1.0, 1.5)])
def test_probabilities_that_are_no_frequencies_cost_little(scale: float, shift: float) -> None:
    best, found, _ = worth(0.2, 0.2, scale, shift)
    assert found == pytest.approx(best, abs=0.008)


def test_the_parts_are_the_models_own_differences() -> None:
    draw = np.random.default_rng(1)
    truth, department = draw.random((400, 2)) < 0.3, draw.random(400) < 0.5
    without = expit(truth + draw.normal(size=truth.shape))
    own = np.where(department[:, None], expit(2 * truth + draw.normal(size=truth.shape)), without)
    labels = LabelSet(truth.astype(float), [0, 1], ["Edema", "Mass"])
    scorer = Scorer(draw_patients([str(i) for i in range(400)], 50, 0), 0.95, 5)
    found = vitals_results({"labels": labels}, department, [own], [without], scorer)["labels"]
    whole, bare = (roc_auc_score(truth[department], p[department]) for p in (own, without))
    assert found["values"]["AUROC"] == pytest.approx(whole - bare, abs=1e-12)
    knowing = knowing_the_stay(own, without, department)
    gained = roc_auc_score(truth, knowing) - roc_auc_score(truth, without)
    assert found["stay"]["AUROC"] == pytest.approx(gained, abs=1e-12)
    np.testing.assert_allclose(knowing[department].mean(0), own[department].mean(0), atol=1e-6)
    nobody = np.zeros(400, np.bool_)
    np.testing.assert_array_equal(knowing_the_stay(own, without, nobody), without)


def test_studies_without_any_vital_sign_are_outside_the_department() -> None:
    invented = factories.invent({"test": 3})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    texts = [vitals_text({}, None), vitals_text({}, "F"), vitals_text({"heart_rate_bpm": 80}, None)]
    at = cohort.column_names.index("vitals_text")
    cohort = cohort.set_column(at, "vitals_text", [texts])
    assert in_department(cohort).tolist() == [False, True, True]
