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
PARTS = ("changed", "vitals", "per_class", "gain")
NAMES = ("swapped", "masked", "vitals_swapped", "without_vitals", WITHOUT_TEXT)
"""The files of ``stages.predict``; ``camchex.prediction.counterfactuals`` says what they are."""


@dataclass(frozen=True)
class ImageOnly:
    """Predictions (of each seed, (N, Q)) that stand for a model of the images alone.

    The name is ``without_text``: this model with neither indication nor vital signs, as it reads a
    study that has none, not one trained without them; or that of a setting trained on images alone.
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

    Probabilities of each seed, (N, Q), are of the studies as they are (``own``) and with other
    texts, by change (``NAMES``). The gain is over those of the reference.

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
    level, by_set = (
        scorer.level,
        {key: _of_set(s, reference.name, scorer) for key, s in scores.items()},
    )
    seen, unseen = scores[SEEN], scores[UNSEEN]
    cost, honest = (found["own"].minus(found["masked"]).auroc for found in (seen, unseen))
    images, same = (found[reference.name].auroc - CHANCE for found in (seen, unseen))
    gain = seen["own"].minus(seen[reference.name]).auroc
    owed = cost - scaled(honest, images, same, level)
    return {
        "reference": reference.name,
        **{part: {key: found[part] for key, found in by_set.items()} for part in PARTS},
        "surviving": {
            **surviving(owed, gain, level),
            "gain": value_of(gain),
            "gain_interval": interval_of(gain, level),
            "owed_to_seen_words": value_of(owed),
            "owed_to_seen_words_interval": interval_of(owed, level),
        },
    }


def _of_set(scores: Mapping[str, Score], reference: str, scorer: Scorer) -> Results:
    """The results on one set of labels, by ``PARTS``."""
    own, level = scores["own"], scorer.level
    lost = {name: own.minus(score) for name, score in scores.items() if name != "own"}
    membership = scores["vitals_swapped"].minus(scores["without_vitals"])
    gain, lost_words = lost[reference], {key: lost[key] for key in MASKED_OR_SWAPPED}
    per_class: dict[str, dict[str, object]] = {}
    for name, one in own.classes.items():
        parts = {f"lost_{key}": s.classes[name] for key, s in lost_words.items()}
        row = {key: value_of(part) for key, part in {"AP": one, **parts}.items()}
        ends = {f"{key}_interval": interval_of(part, level) for key, part in parts.items()}
        per_class[name] = {**row, **ends}
    kept = {
        f"surviving_{key}": {
            "mAP": surviving(s.ap, gain.ap, level),
            "AUROC": surviving(s.auroc, gain.auroc, level),
        }
        for key, s in lost_words.items()
    }
    return {
        "changed": {"own": scorer.shown(own)}
        | {n: {**scorer.shown(scores[n]), "lost": scorer.difference(s)} for n, s in lost.items()},
        "vitals": {
            "membership": scorer.difference(membership),
            "values": scorer.difference(lost["vitals_swapped"]),
        },
        "per_class": per_class,
        "gain": {**scorer.difference(gain), **kept},
    }
