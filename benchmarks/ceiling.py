"""Whether an observer who knows the radiological signs exceeds the ceiling, in ten settings.

The synthetic cohort is drawn anew in each setting, without images. The ceiling is that of one who
is told every finding that was drawn. Observers who are told more of the signs than that are scored
beside it: one who orders what the ceiling cannot tell apart at random, one who does so by the
severity of each finding's sign, and a logistic regression on findings, severities and views,
trained on other studies. None should exceed the ceiling by more than chance. The baseline is the
ceiling as it would be if tied studies were scored in one step. Run it as
``python benchmarks/ceiling.py``.
"""

from pathlib import Path

import numpy as np
from record import RESULTS, run, write
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import rounded
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml
from camchex.scores.ceiling import expected_ap
from camchex.scores.metrics import Floats
from camchex.synthetic.ceiling.observer import Evidence, Shown, upper_bounds
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.shared_shadows import places_seen
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.indication import write_indication
from camchex.synthetic.people.patients import Study, invent_studies
from camchex.synthetic.people.synergy import PAIRS
from camchex.synthetic.published.mimic import label, subjects
from camchex.synthetic.random_streams import stream

TEST, TRAIN, ORDERS, DIGITS = 400, 1_000, 5, 12
SETTINGS: dict[str, dict[str, float]] = {
    "the demo": {},
    "no leak": {"label_leak": 0},
    "every named finding is labelled": {"label_leak": 1},
    "no noise": {"label_noise": 0},
    "noise of 20 %": {"label_noise": 0.2},
    "texts about anybody": {"text_informativeness": 0},
    "texts about the study": {"text_informativeness": 1},
    "half of the shadows shared": {"synergy": 0.5},
    "all shadows shared": {"synergy": 1},
    "noise, leak and shared shadows": {"label_noise": 0.1, "label_leak": 0.7, "synergy": 0.7},
}


def drawn(params: SyntheticParams, split: str, count: int) -> tuple[list[Study], Floats]:
    """Studies, and their published labels, (N, Q)."""
    studies = invent_studies(params, split, count, params.prevalence)
    told = subjects(studies, params, "indication", params.text_informativeness)
    labels = []
    for study, about in zip(studies, told, strict=True):
        rng = stream(params.seed, "indication", study.study_id)
        published = label(study, write_indication(study.patient, about, rng), params)
        labels.append([published[name] for name in CXR_LT_2023])
    return studies, np.array(labels, np.float64)


def severities(studies: list[Study]) -> Floats:
    """Severity of each finding of each study, 0 where it is not drawn as itself, (N, F)."""
    return np.array([
        [0.0 if name in s.shadows else s.severities.get(name, 0.0) for name in DRAWN]
        for s in studies
    ])  # fmt: skip


def features(studies: list[Study]) -> Floats:
    """What an observer who knows every sign learns from, (N, 2 findings + 2 pairs + 2 views)."""
    seen = severities(studies)
    views = [[s.kinds.count("frontal"), s.kinds.count("lateral")] for s in studies]
    places = [places_seen(study) for study in studies]
    shadows = [[*(p in at for p in PAIRS), *(at.get(p) or 0 for p in PAIRS)] for at in places]
    return np.hstack([seen > 0, seen, views, shadows]).astype(np.float64)


def mean_ap(labels: Floats, guesses: Floats) -> float:
    """Mean over the classes that have a positive."""
    each = [expected_ap(y[None], p)[0] for y, p in zip(labels.T, guesses.T, strict=True)]
    return float(np.nanmean(each))


def one_step(labels: Floats, guesses: Floats) -> float:
    """The same, with tied studies scored in one step."""
    pairs = [(y, p) for y, p in zip(labels.T, guesses.T, strict=True) if y.any()]
    return float(np.mean([average_precision_score(y, p) for y, p in pairs]))


def regression(train: list[Study], labels: Floats, test: list[Study]) -> Floats:
    """Probabilities of one who learnt them from the signs of other studies, (N, Q)."""
    known, new = features(train), features(test)
    found = []
    for truth in labels.T:
        fitted = LogisticRegression(C=1, max_iter=500).fit(known, truth) if truth.any() else None
        found.append(fitted.predict_proba(new)[:, 1] if fitted else np.zeros(len(new)))
    return np.stack(found, axis=1)


def measure(changes: dict[str, float], seed: int) -> dict[str, float]:
    """MAP of the ceiling, and how far each observer is above it."""
    demo = read_yaml(Path("profiles/demo.yaml"))["synthetic"]
    params = SyntheticParams(**{**demo, **changes, "seed": seed})
    model, nothing = Generator(params), Evidence([], {})
    studies, labels = drawn(params, "test", TEST)
    seen = severities(studies)
    bounds = []
    for study in studies:
        present = np.array([name in study.severities for name in DRAWN])
        told = upper_bounds(model, nothing, Shown(present, places_seen(study)), {})
        bounds.append(told["images"])
    ceiling = np.stack(bounds).round(DIGITS)
    random = np.random.default_rng(seed)
    own = np.zeros(ceiling.shape)
    for finding, column in zip(DRAWN, seen.T, strict=True):
        own[:, CXR_LT_2023.index(finding)] = column
    train, learnt = drawn(params, "train", TRAIN)
    best, tie = mean_ap(labels, ceiling), 10.0 ** -(DIGITS + 1)
    observers = {
        "at random": np.mean(
            [one_step(labels, ceiling + tie * random.random(own.shape)) for _ in range(ORDERS)]
        ),
        "by severity": one_step(labels, ceiling + tie * own),
        "regression": one_step(labels, regression(train, learnt, studies)),
    }
    above = {f"{name}, above": float(score) - best for name, score in observers.items()}
    return {"in one step": one_step(labels, ceiling), "ceiling": best, **above}


def main() -> None:
    """Measure every setting, and print and write the table."""
    rows = {name: measure(changes, i) for i, (name, changes) in enumerate(SETTINGS.items())}
    keys = list(next(iter(rows.values())))
    values = np.array([list(row.values()) for row in rows.values()])
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    table = [[name, *(f"{v:.4f}" for v in row.values())] for name, row in rows.items()]
    last = {"mean": mean.tolist(), "standard error": error.tolist()}
    table += [[name, *(f"{v:.4f}" for v in values)] for name, values in last.items()]
    print(markdown_table(["setting", *keys], table))
    over = {name: dict(zip(keys, values, strict=True)) for name, values in last.items()}
    write(RESULTS / "ceiling.json", {"settings": rounded(rows), **over})


if __name__ == "__main__":
    run(main, __doc__)
