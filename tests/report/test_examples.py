"""The studies that are shown: rare findings first, and what the model is most wrong about."""

import numpy as np

from camchex.report.examples import most_wrong, varied


def test_the_most_wrong_are_the_furthest_from_their_findings_level() -> None:
    """The second finding is always given much: 0.9 there is no alarm, 0.5 in the first is."""
    labels = np.array([[0, 0], [0, 0], [1, 1], [0, 1], [1, 0]], dtype=float)
    guesses = np.array([[0.5, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.2], [0.1, 0.91]])
    assert most_wrong(labels, guesses, missed=False)[0] == (0, 0)
    assert most_wrong(labels, guesses, missed=True)[0] == (3, 1)
    for missed in (False, True):
        found = most_wrong(labels, guesses, missed=missed)
        assert len({row for row, _ in found}) == len({column for _, column in found}) == len(found)
        assert all(labels[cell] == missed for cell in found)
    assert most_wrong(np.full((3, 2), np.nan), np.full((3, 2), 0.5), missed=False) == []


def test_examples_show_rare_findings_and_then_new_ones() -> None:
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 0]], dtype=float)
    assert varied(labels)[:3] == [2, 1, 0]
    assert len(varied(np.zeros((2, 3)))) == 2
