"""Joint beside separate reading, by hand."""

import pytest

from camchex.comparisons.joint_gain import JOINT, SETTINGS, joint_gain, joint_gain_text
from camchex.contract.params import load
from camchex.synthetic.params import SyntheticParams
from camchex.training.params import AugmentationParams
from tests.synthetic.small import small


def scores(best: float, ours: float) -> dict[str, object]:
    """A reading with one finding that is as good as the mean, and one too rare to be shown."""
    sides = {"ceiling": best, "ours": ours}
    return {
        **{side: {"mAP": value, "AUROC": value} for side, value in sides.items()},
        "per_class": {
            "Nodule": {side: {"AP": value} for side, value in sides.items()},
            "Hernia": {"ceiling": {"AP": None}, "ours": {"AP": None}},
        },
    }


def ceiling(best: float) -> dict[str, object]:
    gain = {"ceiling": best - 0.5, "ours": {"mean": 0.1, "sd": 0.02}, "share": 0.25}
    apart = scores(0.5, 0.4) | {"gain_of_joint": {"mAP": gain, "AUROC": gain}}
    separate = {"sum_of_log_odds": apart, "mean": apart}
    return {"splits": {"test": {"sets": {JOINT: scores(best, 0.5)}, "separate": separate}}}


def test_the_gain_of_joint_reading_is_shown_with_the_findings_that_gain() -> None:
    found = joint_gain(ceiling(0.9), [0, 1])
    assert found["readings"]["joint"]["ceiling"] == {"mAP": 0.9, "AUROC": 0.9}
    assert found["gains"]["mean"]["mAP"]["ours"]["mean"] == 0.1
    assert found["findings"] == {"Nodule": pytest.approx({"ceiling": 0.4, "ours": 0.1})}
    text = joint_gain_text(found)
    assert "Synthetic data" in text
    assert "synthetic.synergy=1" in text
    assert "| separate models, mean | +0.400 | +0.100 ± 0.020 | 25 % |" in text
    assert "| Nodule | +0.400 | +0.100 |" in text
    assert joint_gain(ceiling(0.52), [0])["findings"] == {}


def test_every_setting_is_a_parameter() -> None:
    sections = {"synthetic": small(), "augmentation": load("augmentation", AugmentationParams)}
    for key, value in SETTINGS.items():
        section, name = key.split(".")
        assert getattr(sections[section], name) is not None
        if section == "synthetic":
            changed = SyntheticParams(**{**small().model_dump(), name: value})
            assert getattr(changed, name) == value
