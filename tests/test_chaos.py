"""A few killed trainings; ``make chaos`` kills forty. And: the search can find."""

from pathlib import Path

import pytest

from tests.chaos.run import Moment, disturbed, published, undisturbed
from tests.chaos.trainee import CHECKPOINT, EPOCH, PARTS, PUBLISH
from tests.runs.forked import BESIDE_THREADS


@pytest.mark.slow
@BESIDE_THREADS
def test_a_training_killed_again_and_again_publishes_the_bytes_of_one_left_alone(
    tmp_path: Path,
) -> None:
    expected, spans = undisturbed(tmp_path / "straight")
    assert "models/net/model.safetensors" in expected
    assert "curves/train_loss.tsv" in expected
    states = [1 * len(PARTS) + EPOCH, 2 * len(PARTS) + CHECKPOINT, 5 * len(PARTS) + PUBLISH]
    moments = [Moment(state, spans[state] / 2) for state in states]
    # Held against other bytes too, so that the search is seen to find them.
    others = expected | {"models/net/model.safetensors": b"other weights", "curves/more": b""}
    trial = disturbed(tmp_path / "killed", moments, others)
    assert trial.parts
    assert trial.differing == ["curves/more", "models/net/model.safetensors"]
    assert published(tmp_path / "killed") == expected
