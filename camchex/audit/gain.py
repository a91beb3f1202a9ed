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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.results import Results
from camchex.audit.scorer import Score, Scorer, interval_of, scaled, surviving, value_of
from camchex.contract.labels import MIMIC_14
from camchex.scores.labelled_split import LabelSet, Split, label_sets
from camchex.scores.metrics import Floats

SEEN, UNSEEN = "labels_of_mimic14_classes", "mimic14"
CHANCE = 0.5  # AUROC
WITHOUT_TEXT, WITHOUT_INDICATION = "without_text", "without_indication"
MASKED_OR_SWAPPED = ("masked", "swapped")
PARTS = ("changed", "per_class", "gain")
MEANINGS = {
    "left_out": (0.0, np.nan),
    "absent": (0.0, 0.0),
    "present": (0.0, 1.0),
    "only_stated": (np.nan, np.nan),
}
"""What a blank and an uncertain label (-1) of MIMIC-CXR-JPG count as; the first: the headline's.

A question that the impression leaves open is uncertain, and is left out more often where the words
stand. A finding that the labeler misses is blank, and seems to be a leak if it misses more where
the words stand. So the headline is told for each meaning, and the truth of a single one for none.
"""
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
    test: Split,
    own: Sequence[Floats],
    changed: Mapping[str, Sequence[Floats]],
    reference: ImageOnly,
    scorer: Scorer,
    curated: pa.Table | None = None,
) -> Results:
    """Scores with other texts, the gain by texts, and what of it is owed to seen words.

    Probabilities of each seed, (N, Q), are of the studies as they are (``own``) and with other
    texts, by change (``NAMES``). The gain is over those of the reference. ``curated`` holds labels
    that people gave to some of the studies (``schemas.study_labels(MIMIC_14)``), if there are any.

    Returns:
        ``reference``: the name of the reference. By set of labels: ``changed``: score and loss by
        change; ``per_class``: average precision, and the loss without the words for findings, and
        with another's indication; ``gain``: the gain, and the shares of it that survive ``masked``
        and ``swapped``. ``surviving``, as AUROC: the headline (:func:`headline`). ``meanings``:
        the headline by what other labels count as (``MEANINGS``), and ``range``, the smallest and
        largest share, and the outermost ends of their intervals. ``curated``: the headline with
        the curated labels in the place of MIMIC-CXR-JPG's, on their studies; None without.

    Source: docs/method.md, section 10.1 (audits ii, iv and vi) and 10.4.
    """
    given = {"own": own, **changed, reference.name: reference.seeds}
    scores = {
        key: {name: scorer.score(labels, seeds) for name, seeds in given.items()}
        for key, labels in label_sets(test).items()
    }
    by_set = {key: _of_set(s, reference.name, scorer.level) for key, s in scores.items()}
    needed = {name: given[name] for name in ("own", "masked", reference.name)}

    def against(labels: Mapping[str, LabelSet]) -> Results:
        seen, unseen = (
            {n: scorer.score(one, seeds) for n, seeds in needed.items()}
            for one in of_both_sides(labels[SEEN], labels[UNSEEN])
        )
        return headline(seen, unseen, reference.name, scorer.level)

    by_meaning = {
        name: against(label_sets(test, blank, uncertain))
        for name, (blank, uncertain) in MEANINGS.items()
    }
    return {
        "reference": reference.name,
        **{part: {key: found[part] for key, found in by_set.items()} for part in PARTS},
        "surviving": by_meaning[next(iter(MEANINGS))],
        "meanings": {**by_meaning, "range": range_of(list(by_meaning.values()))},
        "curated": None if curated is None else against(label_sets(with_labels(test, curated))),
    }


def headline(
    seen: Mapping[str, Score], unseen: Mapping[str, Score], reference: str, level: float
) -> Results:
    """What of the gain by texts is owed to words that the labels have seen, as AUROC.

    Scores are those of ``own``, ``masked`` and the reference, against the labels learnt (``seen``)
    and against labels of the same studies and findings that did not see the words (``unseen``).

    Returns:
        The share of the gain that is left, the gain, and what is owed, with intervals.
    """
    cost, honest = (found["own"].auroc - found["masked"].auroc for found in (seen, unseen))
    images, same = (found[reference].auroc - CHANCE for found in (seen, unseen))
    gain = seen["own"].auroc - seen[reference].auroc
    owed = cost - scaled(honest, images, same, level)
    return {
        **surviving(owed, gain, level),
        "gain": value_of(gain),
        "gain_interval": interval_of(gain, level),
        "owed_to_seen_words": value_of(owed),
        "owed_to_seen_words_interval": interval_of(owed, level),
    }


def of_both_sides(seen: LabelSet, unseen: LabelSet) -> Iterator[LabelSet]:
    """Both sets of labels, for the findings with positives and negatives in both."""
    sides = [((s.labels == y).any(axis=0)) for s in (seen, unseen) for y in (0, 1)]
    kept = [name for name, both in zip(seen.classes, np.all(sides, axis=0), strict=True) if both]
    return (labels.only(kept) for labels in (seen, unseen))


def range_of(headlines: Sequence[Results]) -> Results:
    """Smallest and largest share of some headlines, and the outermost ends of their intervals."""
    known = [found for found in headlines if found["share"] is not None]
    if not known:
        return dict.fromkeys(("lowest", "highest", "low", "high"))
    shares, ends = ([f[key] for f in known] for key in ("share", "share_interval"))
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    return {"lowest": min(shares), "highest": max(shares), "low": low, "high": high}


def with_labels(test: Split, curated: pa.Table) -> Split:
    """The test studies with other labels in the place of MIMIC-CXR-JPG's; null without any.

    ``curated`` is of ``schemas.study_labels(MIMIC_14)``; other studies in it are ignored.
    """
    table = test.table
    row = pc.index_in(table["study_id"], value_set=curated["study_id"].combine_chunks())
    for name in MIMIC_14:
        field = table.schema.field(f"mimic14.{name}")
        column = curated[name].combine_chunks().take(row.combine_chunks()).cast(field.type)
        table = table.set_column(table.schema.get_field_index(field.name), field, column)
    return replace(test, table=table)


def _of_set(scores: Mapping[str, Score], reference: str, level: float) -> Results:
    """The results on one set of labels, by ``PARTS``."""
    own, base = scores["own"], scores[reference]
    lost_words = {key: scores[key] for key in MASKED_OR_SWAPPED}
    per_class: dict[str, dict[str, object]] = {}
    for name in own.alone:
        per_class[name] = {"AP": own.mean_of(name)}
        for key, score in lost_words.items():
            lost = own.less(score, name)
            per_class[name] |= {f"lost_{key}{end}": lost[f"mAP{end}"] for end in ("", "_interval")}
    kept = {
        f"surviving_{key}": {
            "mAP": surviving(own.ap - score.ap, own.ap - base.ap, level),
            "AUROC": surviving(own.auroc - score.auroc, own.auroc - base.auroc, level),
        }
        for key, score in lost_words.items()
    }
    changed = {n: score for n, score in scores.items() if n != "own"}
    return {
        "changed": {"own": own.shown()}
        | {name: {**score.shown(), "lost": own.less(score)} for name, score in changed.items()},
        "per_class": per_class,
        "gain": {**own.less(base), **kept},
    }
