import numpy as np
import pyarrow as pa
import pytest

from camchex.synthetic.truth import score_pseudo_labels

IDS = [f"{i:02d}" for i in range(60)]
PRESENT = [float(i % 3 == 0) for i in range(60)]


def scored(guess: list[float], published: list[float | None]) -> dict[str, object]:
    order = np.random.default_rng(0).permutation(60)
    truth = pa.table({"image_id": IDS, "Mass": pa.array(PRESENT, pa.float32())}).take(order)
    pseudo = {"nih": pa.table({"image_id": IDS, "Mass": pa.array(guess, pa.float32())})}
    labels = {"nih": pa.table({"image_id": IDS, "Mass": pa.array(published, pa.float32())})}
    return score_pseudo_labels(pseudo, labels, truth, ["Mass"])


@pytest.mark.parametrize(("sign", "auroc"), [(1, 1.0), (-1, 0.0)])
def test_the_score_ranks_the_truth_in_any_order_of_rows(sign: int, auroc: float) -> None:
    assert scored([sign * value for value in PRESENT], [None] * 60)["AUROC"] == auroc


def test_only_unknown_cells_are_scored() -> None:
    known = [PRESENT[i] if i < 24 else None for i in range(60)]
    wrong_where_known = [1 - v if i < 24 else v for i, v in enumerate(PRESENT)]
    assert scored(wrong_where_known, known)["AUROC"] == 1.0
