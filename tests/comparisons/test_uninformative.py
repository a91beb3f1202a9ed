"""What an input gains where it says nothing, by hand."""

import json
from pathlib import Path

import pytest

from camchex.comparisons.uninformative import SILENCED, gains, gains_text, silenced_table
from camchex.comparisons.variant_tables import variant_table
from camchex.comparisons.variants import TABLE3
from camchex.synthetic.params import SyntheticParams
from stages.compare_variants import SCORES_OF
from tests.synthetic.small import small

BASE = {"mAP": [0.30, 0.32], "AUROC": [0.6, 0.7]}


def table3(added: list[float], alone: list[float]) -> dict[str, object]:
    """Table 3 in which the indication adds ``added`` to all images, and has ``alone`` by itself."""
    scores = {row.name: BASE for row in TABLE3.rows}
    scores["mv_ci"] = {
        "mAP": [a + b for a, b in zip(BASE["mAP"], added, strict=True)],
        "AUROC": BASE["AUROC"],
    }
    scores["ci_only"] = {"mAP": BASE["mAP"], "AUROC": alone}
    return dict(variant_table(TABLE3, scores, [0, 1], "synthetic"))


def test_a_gain_within_twice_its_spread_is_called_zero() -> None:
    found = gains(
        table3([0.10, 0.12], [0.7, 0.8]), {"indication": table3([0.01, -0.02], [0.5, 0.52])}
    )
    told = found["inputs"]["indication"]
    assert told["informative"]["mAP"]["mean"] == pytest.approx(0.11)
    assert told["informative"]["mAP"]["within_spread"] is False
    assert told["silenced"]["mAP"]["mean"] == pytest.approx(-0.005)
    assert told["silenced"]["mAP"]["within_spread"] is True
    assert told["informative"]["alone_above_chance"]["mean"] == pytest.approx(0.25)
    assert told["silenced"]["alone_above_chance"]["mean"] == pytest.approx(0.01)
    shown = gains_text(found)
    assert "Synthetic data" in shown
    assert "synthetic.text_informativeness=0" in shown
    assert "-0.005 ± 0.021 | yes" in shown


def test_every_setting_is_a_key_of_the_section_and_silences_it() -> None:
    for silenced in SILENCED.values():
        assert silenced.step in TABLE3.steps
        for key, value in silenced.settings.items():
            section, name = key.split(".")
            assert section == "synthetic"
            assert getattr(SyntheticParams(**{**small().model_dump(), name: value}), name) == 0


def test_the_rows_of_a_silenced_cohort_are_enough(tmp_path: Path) -> None:
    silenced = SILENCED["vitals"]
    files = {kind: str(tmp_path / pattern) for kind, pattern in SCORES_OF.items()}
    for row in TABLE3.rows:
        for seed in (0, 1) if row.name in silenced.rows else ():
            path = Path(files[row.kind].format(name=row.name, seed=seed))
            path.parent.mkdir(parents=True, exist_ok=True)
            score = 0.3 + 0.01 * seed * (row.name == "camchex")
            path.write_text(json.dumps({"study": {"mAP": score, "AUROC": 0.5}}))
    table = silenced_table(silenced, [0, 1], files)
    told = gains(table3([0.1, 0.1], [0.7, 0.7]), {"vitals": table})["inputs"]["vitals"]["silenced"]
    assert told["mAP"]["mean"] == pytest.approx(0.005)
    assert told["mAP"]["within_spread"] is True
    assert told["alone_above_chance"]["mean"] == pytest.approx(0)
