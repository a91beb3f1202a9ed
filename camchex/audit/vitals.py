"""What vital signs add to a score: that there was a stay, and its values.

A study of the emergency department has vital signs, any other has none. So two studies of the
department differ in values alone, and what the model loses between them without vital signs is the
worth of the values. Another patient's values would not tell it: they mislead, and a model that is
misled scores lower than one that knows nothing.

What the stay tells without its values is what the model predicts on average over the values that
such a study may have. On average over the studies of the department, that is its mean probability
with their own values. So each probability without vital signs is moved, by one number of log-odds
for each class, until their mean is that one. This orders the studies of the department as before,
and only moves them as a whole among the others.

With a model whose probabilities are frequencies the worth of the stay is off by less than 0.001
AUROC on average; with one whose log-odds are halved and shifted, by 0.005, where values add 0.1 to
the studies of the department (``tests/audit/test_vitals.py``). Told by another patient's values,
it is off by -0.057.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit

from camchex.aggregates.results import Results
from camchex.audit.scorer import Scorer
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats
from camchex.texts.vitals_text import vitals_text

FURTHEST, HALVINGS = 20.0, 50  # log-odds; of the interval in which the move is looked for
LEAST = 1e-7  # probability: log-odds stay finite


def in_department(table: pa.Table) -> Bools:
    """Which studies (``schemas.cohort``) are of the emergency department, (N,)."""
    nothing = vitals_text({}, None)
    return np.array([text != nothing for text in table["vitals_text"].to_pylist()], np.bool_)


def vitals_results(
    sets: Mapping[str, LabelSet],
    department: Bools,
    own: Sequence[Floats],
    without: Sequence[Floats],
    scorer: Scorer,
) -> Results:
    """What vital signs add to the scores, by set of labels.

    Probabilities of each seed, (N, Q), are of the studies as they are (``own``) and without vital
    signs; ``department``, (N,), says which studies have a stay.

    Returns:
        ``values``: what the score of the studies of the department loses without vital signs;
        ``stay``: what the score of all studies gains if the model knows of the stay and of no
        value. The scores are of other studies, so the parts do not add up to what all lose.
    """
    with ThreadPoolExecutor(max(scorer.workers, 1)) as pool:
        knowing = [*pool.map(partial(knowing_the_stay, department=department), own, without)]
    found = {}
    for key, labels in sets.items():
        cells = np.broadcast_to(department[:, None], labels.labels.shape)
        values, bare = (scorer.score(labels, seeds, cells) for seeds in (own, without))
        stay = scorer.score(labels, knowing).less(scorer.score(labels, without))
        found[key] = {"values": values.less(bare), "stay": stay}
    return found


def knowing_the_stay(own: Floats, without: Floats, department: Bools) -> Floats:
    """Probabilities of a model that knows of the stay and of no value, (N, Q).

    Probabilities, (N, Q), are the model's with (``own``) and without vital signs; ``department``,
    (N,), says which studies have a stay.
    """
    found = without.copy()
    if not department.any():
        return found
    odds, wanted = logit(np.clip(without[department], LEAST, 1 - LEAST)), own[department].mean(0)
    low, high = (np.full(without.shape[1], end) for end in (-FURTHEST, FURTHEST))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        less = expit(odds + middle).mean(0) < wanted
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    found[department] = expit(odds + (low + high) / 2)
    return found
