"""What the model gains from texts, and how much of it words account for that labels have seen.

Every study is predicted again with another text or none. A finding's words may tell of the finding
(the requester knew), or of its label alone (it was mined from them). Labels that never saw the
indication gain by the first and not by the second. So what masking the words costs against the
labels learnt, beyond what it costs against those, is owed to words that the labels have seen.

The two sets of labels are wrong in other cases too, and errors shrink what anything is worth. But
errors that do not depend on the words shrink all of (AUROC - 1/2) by one factor, whatever is
scored, so the images' own tells it: the cost against the other labels is brought to the scale of
the labels learnt by it. No such rule holds for average precision.

Source: Menon, van Rooyen, Ong and Williamson 2015 (AUC under corrupted labels).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camchex.aggregates.results import Results
from camchex.audit.scores import Score, Scorer
from camchex.scores.labelled_split import LabelSet
from camchex.scores.metrics import Floats

SEEN, UNSEEN = "labels_of_mimic14_classes", "mimic14"
CHANCE = 0.5  # AUROC
WITHOUT_TEXT = "without_text"
METRICS = {"mAP": "ap", "AUROC": "auroc"}
NAMES = ("swapped", "masked", "vitals_swapped", "without_vitals", WITHOUT_TEXT)
"""The files of ``stages.predict``; ``camchex.prediction.counterfactuals`` says what they are."""


@dataclass(frozen=True)
class ImageOnly:
    """What a model of the images alone is taken to be.

    Attributes:
        name: ``without_text``: this model with neither indication nor vital signs, as it reads a
            study that has none, not one trained without them; or the name of a setting that was
            trained on images alone.
        seeds: Its probabilities, one (N, Q) per seed.
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
        own: Probabilities of the studies as they are, by seed, (N, Q).
        changed: By name (``NAMES``), the same of every seed.
        reference: What the gain is over.
        scorer: Draws, and the smallest cell that is shown.

    Returns:
        ``reference``: its name. By set of labels: ``changed`` by name: score, and what is lost;
        ``vitals``; ``per_class``: average precision, and what of it is lost without the words for
        findings, and with another's indication; ``gain``: the gain, and the shares of it that
        survive ``masked`` and ``swapped``. ``surviving``, as AUROC: the gain (labels learnt, of
        MIMIC-CXR-JPG's classes), what of it seen words account for, and the share that is left.

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
        "vitals": {key: _vitals(found, scorer) for key, found in scores.items()},
        "per_class": {key: _classes(found, scorer) for key, found in scores.items()},
        "gain": {key: _gain(found, reference.name, scorer) for key, found in scores.items()},
        "surviving": _surviving(scores[SEEN], scores[UNSEEN], reference.name, scorer.level),
    }


def _changed(scores: Mapping[str, Score], scorer: Scorer) -> Results:
    own = scores["own"]
    return {"own": scorer.shown(own)} | {
        name: {**scorer.shown(score), "lost": scorer.difference(own.minus(score))}
        for name, score in scores.items()
        if name != "own"
    }


def _vitals(scores: Mapping[str, Score], scorer: Scorer) -> Results:
    """What it is worth to know that there was a stay, and to know its values."""
    swapped = scores["vitals_swapped"]
    return {
        "membership": scorer.difference(swapped.minus(scores["without_vitals"])),
        "values": scorer.difference(scores["own"].minus(swapped)),
    }


def _classes(scores: Mapping[str, Score], scorer: Scorer) -> Results:
    own = scores["own"]
    lost = {name: own.minus(scores[name]).classes for name in ("masked", "swapped")}
    return {
        name: {"AP": one.value}
        | {f"lost_{key}": of[name].value for key, of in lost.items()}
        | {f"lost_{key}_interval": of[name].bounds(scorer.level) for key, of in lost.items()}
        for name, one in own.classes.items()
    }


def _gain(scores: Mapping[str, Score], reference: str, scorer: Scorer) -> Results:
    gain = scores["own"].minus(scores[reference])
    survives: dict[str, object] = {}
    for name in ("masked", "swapped"):
        lost = scores["own"].minus(scores[name])
        survives[f"surviving_{name}"] = {
            metric: getattr(lost, at).surviving(getattr(gain, at), scorer.level)
            for metric, at in METRICS.items()
        }
    return {**scorer.difference(gain), **survives}


def _surviving(
    seen: Mapping[str, Score], unseen: Mapping[str, Score], reference: str, level: float
) -> Results:
    gain = seen["own"].minus(seen[reference]).auroc
    cost, honest = (found["own"].minus(found["masked"]).auroc for found in (seen, unseen))
    images, same = (found[reference].auroc.above(CHANCE) for found in (seen, unseen))
    owed = cost.minus(honest.scaled(images, same, level))
    return {
        **owed.surviving(gain, level),
        "gain": gain.value,
        "gain_interval": gain.bounds(level),
        "owed_to_seen_words": owed.value,
        "owed_to_seen_words_interval": owed.bounds(level),
    }
