"""The gain by texts, and how much of it is owed to words that the labels have seen.

Every study is predicted again with another text or none. A finding's words may tell of the finding
(the requester knew), or of its label alone (it was mined from them). Labels that never saw the
indication gain by the first and not by the second. So what masking the words costs against the
labels learnt, beyond what it costs against those, is owed to words that the labels have seen.

The two sets of labels are wrong in other cases too, and errors shrink what anything is worth. But
errors that do not depend on the words shrink all of (AUROC - 1/2) by one factor, whatever is
scored. The factor is told by the score of the images alone, and the cost against the other labels
is brought to the scale of the labels learnt by it. No such rule holds for average precision.

Source: Menon, van Rooyen, Ong and Williamson 2015 (AUC under corrupted labels).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camchex.aggregates.results import Results
from camchex.audit.scorer import Score, Scorer, interval_of, scaled, surviving, value_of
from camchex.scores.labelled_split import LabelSet
from camchex.scores.metrics import Floats

SEEN, UNSEEN = "labels_of_mimic14_classes", "mimic14"
CHANCE = 0.5  # AUROC
WITHOUT_TEXT = "without_text"
MASKED_OR_SWAPPED = ("masked", "swapped")
NAMES = ("swapped", "masked", "vitals_swapped", "without_vitals", WITHOUT_TEXT)
"""The files of ``stages.predict``; ``camchex.prediction.counterfactuals`` says what they are."""


@dataclass(frozen=True)
class ImageOnly:
    """Predictions that stand for a model of the images alone.

    Attributes:
        name: ``without_text``: this model with neither indication nor vital signs, as it reads a
            study that has none, not one trained without them; or the name of a setting that was
            trained on images alone.
        seeds: Probabilities of each seed, (N, Q).
    """

    name: str
    seeds: Sequence[Floats]


def gain_results(
    sets: Mapping[str, LabelSet],
    own: Sequence[Floats],
    changed: Mapping[str, Sequence[Floats]],
    reference: ImageOnly,
    scorer: Scorer,
) -> Results:
    """Scores with other texts, the gain by texts, and what of it is owed to seen words.

    Args:
        sets: Labels, as :func:`camchex.scores.labelled_split.label_sets` returns them.
        own: Probabilities of the studies as they are, of each seed, (N, Q).
        changed: Probabilities of the studies with other texts, of each seed, by change (``NAMES``).
        reference: Predictions that the gain is over.
        scorer: Draws, and the smallest cell that is shown.

    Returns:
        ``reference``: the name of the reference. By set of labels: ``changed``: score and loss by
        change; ``vitals``: worth of knowing that there was a stay, and of knowing its values;
        ``per_class``: average precision, and the loss without the words for findings, and with
        another's indication; ``gain``: the gain, and the shares of it that survive ``masked`` and
        ``swapped``. ``surviving``, as AUROC: the gain (labels learnt, of MIMIC-CXR-JPG's classes),
        what of it seen words account for, and the share that is left.

    Source: docs/method.md, section 10.1 (audits ii, iv and vi) and 10.4.
    """
    given = {"own": own, **changed, reference.name: reference.seeds}
    scores = {
        key: {name: scorer.score(labels, seeds) for name, seeds in given.items()}
        for key, labels in sets.items()
    }
    return {
        "reference": reference.name,
        "changed": {key: _changed(found, scorer) for key, found in scores.items()},
        "vitals": {
            key: {
                "membership": scorer.difference(_lost(found, "without_vitals", "vitals_swapped")),
                "values": scorer.difference(_lost(found, "vitals_swapped")),
            }
            for key, found in scores.items()
        },
        "per_class": {key: _classes(found, scorer) for key, found in scores.items()},
        "gain": {key: _gain(found, reference.name, scorer) for key, found in scores.items()},
        "surviving": _surviving(scores[SEEN], scores[UNSEEN], reference.name, scorer.level),
    }


def _lost(scores: Mapping[str, Score], name: str, whole: str = "own") -> Score:
    return scores[whole].minus(scores[name])


def _changed(scores: Mapping[str, Score], scorer: Scorer) -> Results:
    return {"own": scorer.shown(scores["own"])} | {
        name: {**scorer.shown(score), "lost": scorer.difference(_lost(scores, name))}
        for name, score in scores.items()
        if name != "own"
    }


def _classes(scores: Mapping[str, Score], scorer: Scorer) -> Results:
    lost = {name: _lost(scores, name).classes for name in MASKED_OR_SWAPPED}
    return {
        name: {"AP": value_of(one)}
        | {f"lost_{key}": value_of(of[name]) for key, of in lost.items()}
        | {f"lost_{key}_interval": interval_of(of[name], scorer.level) for key, of in lost.items()}
        for name, one in scores["own"].classes.items()
    }


def _gain(scores: Mapping[str, Score], reference: str, scorer: Scorer) -> Results:
    gain = _lost(scores, reference)
    survives: dict[str, object] = {}
    for name in MASKED_OR_SWAPPED:
        lost = _lost(scores, name)
        survives[f"surviving_{name}"] = {
            "mAP": surviving(lost.ap, gain.ap, scorer.level),
            "AUROC": surviving(lost.auroc, gain.auroc, scorer.level),
        }
    return {**scorer.difference(gain), **survives}


def _surviving(
    seen: Mapping[str, Score], unseen: Mapping[str, Score], reference: str, level: float
) -> Results:
    gain = _lost(seen, reference).auroc
    cost, honest = (_lost(found, "masked").auroc for found in (seen, unseen))
    images, same = (found[reference].auroc - CHANCE for found in (seen, unseen))
    owed = cost - scaled(honest, images, same, level)
    return {
        **surviving(owed, gain, level),
        "gain": value_of(gain),
        "gain_interval": interval_of(gain, level),
        "owed_to_seen_words": value_of(owed),
        "owed_to_seen_words_interval": interval_of(owed, level),
    }
