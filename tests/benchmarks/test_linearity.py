"""What counts as growing faster than n log n, on costs whose growth is known."""

import math
from collections.abc import Callable
from pathlib import Path

import linearity
import pytest

SIZES = (23_569, 94_278, 377_110)
STARTING = 4.0  # seconds that every stage takes, whatever its data


@pytest.mark.parametrize(
    ("cost", "ratio", "within"),
    [
        (lambda n: n, 4, True),
        (lambda n: n * math.log(n), 4.465, True),
        (lambda n: n**1.5, 8, False),
        (lambda n: n**2, 16, False),
        (math.log, None, True),
    ],
)
def test_growth_is_told_whatever_a_stage_takes_at_any_size(
    cost: Callable[[int], float], ratio: float | None, *, within: bool
) -> None:
    seconds = [STARTING + 100 * cost(n) / max(cost(SIZES[-1]), 1000) for n in SIZES]
    found = linearity.growth("a stage", SIZES, seconds, "cpu_seconds")
    assert found.ratio == (ratio and pytest.approx(ratio, rel=0.01))
    assert found.within == within


def test_trainings_are_left_out_and_a_stage_that_is_too_fast_is_said(tmp_path: Path) -> None:
    def rehearsal(factor: float) -> dict[str, object]:
        names = ("ingest_mimic", "train_fusion@0", "finetune_view@lateral", "report", "predict@0")
        figures = {"cpu_seconds": 10 * factor, "peak_mb": 100 + 400 * factor**2}
        stages = [{"stage": name, **figures} for name in names]
        stages[3]["cpu_seconds"] = 1.0
        return {"stages": stages}

    results = {n: rehearsal(n / SIZES[-1]) for n in SIZES}
    found = linearity.compare(results)
    assert [one.stage for one in found] == 2 * ["ingest_mimic", "report", "predict@0"]
    assert [one.within for one in found] == [True] * 3 + [False] * 3
    shown = linearity.table(found, linearity.SCALES)
    assert "| report | 1.0 | 1.0 | 1.0 | s | - | 4.5 |" in shown
    assert shown.count("**faster**") == 3
    for path in (tmp_path / "one.svg", tmp_path / "two.svg"):
        linearity.plot(found, SIZES, path)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
