"""The share of the gain that survives, where it is known how much of it labels have seen."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from camchex.aggregates.results import Results
from camchex.audit import gain
from camchex.audit.audit import Predicted, audit, audit_metrics
from camchex.audit.gain import PARTS, WITHOUT_TEXT, ImageOnly, gain_results
from camchex.audit.scorer import Scorer
from camchex.contract.labels import CXR_LT_2023
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import labelled_split
from camchex.scores.metrics import Floats
from camchex.scores.params import AuditParams, BootstrapParams, EvaluationParams
from tests.scores import factories

TRAIN, TEST = 1500, 1000
HALF = 0.5
EVALUATION = EvaluationParams(
    min_cell=5, bootstrap=BootstrapParams(resamples=100, seed=0, level=0.95)
)


def invented_model(
    leak: float, noise: float = 0, missed: float = 0
) -> tuple[pa.Table, Floats, dict[str, list[Floats]]]:
    """A cohort whose labels leak, and a model of an image and of the words, learnt from them.

    The image is the truth and noise. The words name a half of the findings that are there, and a
    tenth of those that are not, so that they help against any labels.

    Returns:
        The cohort, the model's probabilities of the test studies, and those with other texts.
    """
    invented = factories.invent({"train": TRAIN, "test": TEST}, named=0.5)
    labels = factories.leaked(invented, leak)
    draw = np.random.default_rng(5)
    labels = np.where(draw.random(labels.shape) < noise, 1 - labels, labels)
    image = invented.truth + draw.normal(size=labels.shape)
    own, without = np.empty((TEST, labels.shape[1])), np.empty((TEST, labels.shape[1]))
    for q, named in enumerate(invented.named.T):
        inputs = np.stack([image[:, q], named], axis=1)
        learnt = LogisticRegression().fit(inputs[:TRAIN], labels[:TRAIN, q])
        own[:, q] = learnt.predict_proba(inputs[TRAIN:])[:, 1]
        without[:, q] = learnt.predict_proba(inputs[TRAIN:] * [1, 0])[:, 1]
    changed = {
        "swapped": [without],
        "masked": [without],
        "vitals_swapped": [own],
        "without_vitals": [own],
        "without_text": [without],
    }
    return factories.cohort(invented, labels, missed=missed), own, changed


def gain_of(
    leak: float, noise: float = 0, missed: float = 0, image_only: ImageOnly | None = None
) -> Results:
    """The audit of the gain by texts alone, which is a third of the audit."""
    cohort, own, changed = invented_model(leak, noise, missed)
    test, drawn = labelled_split(cohort, "test", CXR_LT_2023), EVALUATION.bootstrap
    draws = draw_patients(test.patients, drawn.resamples, drawn.seed)
    reference = image_only or ImageOnly(WITHOUT_TEXT, changed[WITHOUT_TEXT])
    scorer = Scorer(draws, drawn.level, EVALUATION.min_cell, workers=1)
    return gain_results(test, [own], changed, reference, scorer)


def headline_of(leak: float, noise: float = 0, missed: float = 0) -> Results:
    """What survives of the gain, without the scores by set of labels, which take most of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gain, "_of_set", lambda *_: dict.fromkeys(PARTS))
        found: Results = gain_of(leak, noise, missed)["surviving"]
    return found


@pytest.fixture(scope="module")
def audited() -> Results:
    """The whole audit, of a cohort in which half of what is named and absent is labelled."""
    cohort, own, changed = invented_model(HALF)
    test = labelled_split(cohort, "test", CXR_LT_2023)
    predicted = Predicted({0: own}, changed)
    return audit(cohort, test, predicted, AuditParams(shuffles=2, seed=0), EVALUATION)


@pytest.fixture(scope="module")
def by_leak(audited: Results) -> dict[float, Results]:
    return {
        leak: audited["texts"] if leak == HALF else gain_of(leak) for leak in (0, 0.25, HALF, 1)
    }


def test_a_clean_cohort_keeps_all_of_its_gain(by_leak: dict[float, Results]) -> None:
    found = by_leak[0]["surviving"]
    assert found == headline_of(0)
    assert found["gain_interval"][0] > 0
    assert found["share"] == pytest.approx(1)
    assert found["owed_to_seen_words"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("noise", "missed"), [(0.05, 0.0), (0.1, 0.0), (0.0, 0.4), (0.1, 0.4)])
def test_errors_in_either_labels_that_no_word_made_accuse_nobody(
    noise: float, missed: float
) -> None:
    found = headline_of(0, noise, missed)
    low, high = found["share_interval"]
    assert low <= 1 <= high
    assert high - low < 1


def test_a_leak_shows_through_errors_in_either_labels() -> None:
    assert headline_of(1, 0.05, 0.4)["share_interval"][1] < 1


def test_the_more_labels_leak_the_less_survives(by_leak: dict[float, Results]) -> None:
    found = [found["surviving"] for found in by_leak.values()]
    shares = [row["share"] for row in found]
    assert shares == sorted(shares, reverse=True)
    assert shares[1] < 0.9
    for row in found[1:]:
        assert row["share_interval"][1] < 1
        assert row["owed_to_seen_words_interval"][0] > 0


def test_the_share_is_the_gain_that_the_truth_shows(by_leak: dict[float, Results]) -> None:
    # MIMIC-14 is the truth here, and the words are all that the texts tell.
    for leak, results in by_leak.items():
        found, changed = results["surviving"], results["changed"]
        seen, unseen = changed["labels_of_mimic14_classes"], changed["mimic14"]
        images = [c["without_text"]["AUROC"] - 0.5 for c in (seen, unseen)]
        gains = [c["own"]["AUROC"] - c["without_text"]["AUROC"] for c in (seen, unseen)]
        relative = [gain / image for gain, image in zip(gains, images, strict=True)]
        assert found["share"] == pytest.approx(relative[1] / relative[0]), leak
        kept = results["gain"]["labels"]["surviving_masked"]
        assert kept["AUROC"]["share"] == pytest.approx(0, abs=1e-9)


def test_vital_signs_that_nothing_reads_are_worth_nothing(audited: Results) -> None:
    found = audited["texts"]["vitals"]["labels"]
    for row in (found["together"], found["values"]):
        assert (row["mAP"], row["mAP_interval"]) == (0, [0, 0])


def test_the_headline_is_few_numbers_and_the_share_comes_first(audited: Results) -> None:
    found = audit_metrics(audited)
    expected = audited["texts"]["surviving"]
    assert next(iter(found)) == "gain_not_owed_to_seen_words"
    assert found["gain_not_owed_to_seen_words"] == {
        "share": expected["share"],
        "low": expected["share_interval"][0],
        "high": expected["share_interval"][1],
    }
    assert isinstance(found["details"], list)  # which DVC does not take for a metric
    shown = [leaf for key, group in found.items() if isinstance(group, dict) for leaf in group]
    assert len(shown) <= 22


def test_a_setting_of_images_alone_takes_the_place_of_the_model_without_texts() -> None:
    poor = [np.random.default_rng(1).random((TEST, len(CXR_LT_2023)))]
    texts = gain_of(HALF, image_only=ImageOnly("multi_view", poor))
    assert texts["reference"] == "multi_view"
    for labels, found in texts["changed"].items():
        assert found["multi_view"]["AUROC"] == pytest.approx(0.5, abs=0.03)
        assert found["without_text"]["AUROC"] > 0.6
        more = found["own"]["AUROC"] - found["multi_view"]["AUROC"]
        assert texts["gain"][labels]["AUROC"] == pytest.approx(more)


def test_without_other_texts_the_headline_has_the_labels_alone() -> None:
    invented = factories.invent({"train": 40, "test": 40})
    labels = invented.truth.astype(float)
    predicted = Predicted({0: factories.guesses(labels, 2, 0)[40:]})
    params = AuditParams(shuffles=2, seed=0)
    cohort = factories.cohort(invented, labels)
    test = labelled_split(cohort, "test", CXR_LT_2023)
    results = audit(cohort, test, predicted, params, EVALUATION)
    found = audit_metrics(results)
    assert list(found) == [
        *("label_leak_found", "label_excess_where_named", "unlisted_words_found", "details")
    ]
