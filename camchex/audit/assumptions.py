"""The audit where its assumptions fail: labels, words and scores drawn at random, the truth known.

The headline rests on errors of MIMIC-CXR-JPG's labels that do not depend on words, and on lists
that hold the words. Here each fails by a known amount. No cohort is made, and no network trained:
an image is a number, a request names findings or gives a hint that no list holds, and the model is
a logistic regression on them, learnt from the labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results
from camchex.audit.gain import MEANINGS, headline, of_both_sides, range_of
from camchex.audit.leak import find_leak
from camchex.audit.scorer import Scorer
from camchex.audit.validation import WORD, true_shares
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import Bools, LabelSet
from camchex.scores.metrics import Floats
from camchex.scores.params import AuditParams

PREVALENCE, IMAGE, HINT = 0.2, 1.0, 0.5  # of each finding; distance of positives, in deviations
NAMED, NAMED_ABSENT = 0.5, 0.1  # share of the findings that are there, and are not, that are named
RULED_OUT = 0.25  # share of the absent findings that MIMIC-CXR-JPG rules out; the rest is blank
LEVEL, IMAGES = 0.95, "images"
EXPLAINED = (
    "Synthetic data, at the level of labels, words and scores. Share: of the gain by texts, not "
    "owed to words that the labels have seen; range: over what blank and uncertain labels count as."
)
COLUMNS = (
    *("labels and words", "true share", "the audit's", "interval", "range", "accused"),
    *("accused by the range", "labels follow words"),
)

GENERATED = (
    "The same of cohorts of the generator: its requests, words and labels. Last, what the search "
    "for words in no list found: words that the generator writes for the finding, and others."
)
SEARCHED = {"words_found": "unlisted words found", "other_words_found": "others found"}


@dataclass(frozen=True)
class World:
    """What holds in a simulated cohort; every share is between 0 and 1.

    Attributes:
        leak: Share of the absent findings labelled positive where the request names them.
        unlisted: Share of the named findings whose word is in no list, so that none masks it.
        repeats: Share of the absent named findings that MIMIC-CXR-JPG's labels have as positive,
            since the impression repeats the question.
        uncertain: Share of the absent named findings that they have as uncertain.
        missed_named: Share of the named findings that are there and that they miss.
        missed: The same of findings that are not named.
    """

    leak: float = 0
    unlisted: float = 0
    repeats: float = 0
    uncertain: float = 0
    missed_named: float = 0
    missed: float = 0


WORLDS: Mapping[str, World] = MappingProxyType(
    {
        "no leak, nothing else wrong": World(),
        "leak 0.5": World(leak=0.5),
        "leak 0.7": World(leak=0.7),
        "no leak; misses 35 % of the named, 10 % of the others": World(
            missed_named=0.35, missed=0.1
        ),
        "leak 0.5; repeats 20 % of the questions": World(leak=0.5, repeats=0.2),
        "leak 0.7; half of the named absents uncertain": World(leak=0.7, uncertain=0.5),
        "leak 0.7; 80 % of the named absents uncertain": World(leak=0.7, uncertain=0.8),
        "leak 0.7; a quarter of the words unlisted": World(leak=0.7, unlisted=0.25),
        "leak 0.7; three quarters of the words unlisted": World(leak=0.7, unlisted=0.75),
    }
)


@dataclass(frozen=True)
class Size:
    """How much is simulated, for training and for test each."""

    studies: int = 4000
    classes: int = 10
    resamples: int = 100
    shuffles: int = 20


@dataclass(frozen=True)
class Simulated:
    """A cohort whose truth is known, and a model of it: the N test studies, Q findings.

    Attributes:
        patients: The patient of each study, (N,).
        learnt: Labels that the model learns, (N, Q): 1 or 0; so are ``clean``.
        clean: The same without the leak.
        published: MIMIC-CXR-JPG's labels: 1, 0, -1 (uncertain), or NaN where blank, (N, Q).
        listed: Whether a listed word names the finding, (N, Q).
        own: Probabilities of the model, (N, Q); so are the others.
        masked: The same without the listed words for findings.
        silent: The same without all words for findings, listed or not.
        images: Of a model of the images alone.
    """

    patients: Sequence[str]
    learnt: Floats
    clean: Floats
    published: Floats
    listed: Bools
    own: Floats
    masked: Floats
    silent: Floats
    images: Floats


def simulate(world: World, size: Size = Size(), seed: int = 0) -> Results:
    """Audit a simulated cohort; the results are those of :func:`audited`."""
    draw, n = np.random.default_rng(seed), size.studies
    truth = draw.random((2 * n, size.classes)) < PREVALENCE
    named = draw.random(truth.shape) < np.where(truth, NAMED, NAMED_ABSENT)
    listed = named & (draw.random(truth.shape) >= world.unlisted)
    learnt = truth | (named & (draw.random(truth.shape) < world.leak))
    published = _published(truth, named, world, draw)
    image, hint = (truth * d + draw.normal(size=truth.shape) for d in (IMAGE, HINT))
    own, masked, silent, images = _models(image, hint, named, listed, learnt, n)
    target, clean = (labels[n:].astype(np.float64) for labels in (learnt, truth))
    patients = [str(i) for i in range(n)]
    cohort = Simulated(
        patients, target, clean, published[n:], listed[n:], own, masked, silent, images
    )
    return audited(cohort, size, seed)


def audited(cohort: Simulated, size: Size, seed: int) -> Results:
    """Audit a cohort, and hold the headline against the truth.

    Returns:
        ``true_share``: the headline with the clean labels in the place of MIMIC-CXR-JPG's, and
        with every word masked, listed or not. ``share``, ``low`` and ``high``: the headline;
        ``lowest``, ``highest``: its range over ``MEANINGS``; ``accused``: whether the interval
        lies below 1, and ``accused_by_range``, whether all intervals do; ``leak_found``.
    """
    columns = range(cohort.learnt.shape[1])
    names = [str(q) for q in columns]

    def labels(values: Floats) -> LabelSet:
        return LabelSet(values, columns, names)

    draws = draw_patients(cohort.patients, size.resamples, seed)
    scorer = Scorer(draws, LEVEL, 1)
    given = {"own": cohort.own, "masked": cohort.masked, IMAGES: cohort.images}
    target, cells = cohort.learnt, cohort.published
    headlines = []
    for blank, uncertain in MEANINGS.values():
        other = np.where(cells == -1, uncertain, np.nan_to_num(cells, nan=blank))
        pair = of_both_sides(labels(np.where(np.isnan(other), np.nan, target)), labels(other))
        seen, unseen = ({k: scorer.score(one, [v]) for k, v in given.items()} for one in pair)
        headlines.append(headline(seen, unseen, IMAGES, LEVEL))
    ruled_out = np.where(cells == -1, np.nan, cells)
    params = AuditParams(shuffles=size.shuffles, seed=seed)
    seeds = ([cohort.own], [cohort.silent], [cohort.images])
    first, whole = headlines[0], range_of(headlines)
    low, high = first["share_interval"] or (None, None)
    return {
        "true_share": true_shares(labels(target), labels(cohort.clean), *seeds).words,
        "share": first["share"],
        "low": low,
        "high": high,
        **{key: whole[key] for key in ("lowest", "highest")},
        "accused": None if high is None else high < 1,
        "accused_by_range": None if whole["high"] is None else whole["high"] < 1,
        "leak_found": find_leak(target, ruled_out, cohort.listed, draws, params, LEVEL).found,
    }


def _published(
    truth: Bools, named: Bools, world: World, draw: np.random.Generator
) -> NDArray[np.float64]:
    """MIMIC-CXR-JPG's labels: 1, 0, -1 (uncertain), or NaN where blank, (N, Q)."""
    chance = draw.random(truth.shape)
    found = np.where(~truth & (draw.random(truth.shape) < RULED_OUT), 0.0, np.nan)
    found[truth & (chance >= np.where(named, world.missed_named, world.missed))] = 1
    asked = named & ~truth
    found[asked & (chance < world.repeats)] = 1
    found[asked & (chance >= 1 - world.uncertain)] = -1
    return found


def _models(
    image: Floats, hint: Floats, named: Bools, listed: Bools, learnt: Bools, train: int
) -> list[Floats]:
    """Probabilities of the test studies: as they are, listed words masked, all masked, images."""
    found: list[list[Floats]] = [[], [], [], []]
    for q in range(image.shape[1]):
        whole, test = learnt[:train, q], slice(train, None)
        silent = np.zeros(len(image))
        texts = (named[:, q], named[:, q] & ~listed[:, q], silent)
        inputs = [np.stack([image[:, q], hint[:, q], words], axis=1) for words in texts]
        model = LogisticRegression().fit(inputs[0][:train], whole)
        alone = LogisticRegression().fit(image[:train, [q]], whole)
        scores = [model.predict_proba(given[test])[:, 1] for given in inputs]
        scores.append(alone.predict_proba(image[test, :][:, [q]])[:, 1])
        for into, score in zip(found, scores, strict=True):
            into.append(score)
    return [np.stack(columns, axis=1) for columns in found]


def assumptions_text(drawn: Mapping[str, Results], generated: Mapping[str, Results]) -> str:
    """The simulated cohorts, and those of the generator, as Markdown."""
    tables = [markdown_table(COLUMNS, [_row(*item) for item in drawn.items()])]
    if generated:
        rows = [
            (*_row(name, found), *(str(found[key]) for key in SEARCHED))
            for name, found in generated.items()
        ]
        tables += [GENERATED, markdown_table((*COLUMNS, *SEARCHED.values()), rows)]
    return "\n\n".join([EXPLAINED, *tables]) + "\n"


def _row(name: str, found: Results) -> list[str]:
    keys = ("true_share", "share", "low", "high", "lowest", "highest")
    truth, share, low, high, lowest, highest = (
        "none" if found[key] is None else f"{found[key]:.2f}" for key in keys
    )
    answers = [WORD[found[key]] for key in ("accused", "accused_by_range", "leak_found")]
    return [name, truth, share, f"{low} to {high}", f"{lowest} to {highest}", *answers]
