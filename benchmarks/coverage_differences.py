"""How many test sets have an interval of a difference that holds the truth: 95 in 100 should.

Two models score the same invented test sets (``benchmarks/coverage.py``): their noise has a
correlation of 0.8, and the second has a positive's score higher by a known amount, or by nothing.
The interval is that of ``camchex compare`` and of the audit. Run it as
``python benchmarks/coverage_differences.py``.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from coverage import LEVEL, Setting, settings
from record import RESULTS, run, write

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.intervals import difference, scored

SETS, SHARED, LARGER = 200, 0.8, 0.3
KEYS = ("AP", "AUROC")
CHOSEN = ("8 positives", "14 positives", "40 positives", "400 positives", "mean of 26")


def chosen() -> Iterator[tuple[str, Setting, float]]:
    """Some settings of single scores, each with two models that are equal, and that differ."""
    for name, setting in settings():
        alike = setting.alike
        if name.startswith(CHOSEN) and alike and "0.94 each" not in name and "0.92" not in name:
            for larger in (0.0, LARGER):
                yield name, setting, larger


def measure(setting: Setting, larger: float) -> dict[str, float]:
    """Shares of test sets whose interval holds the true difference of the means."""
    random, classes = np.random.default_rng(0), CXR_LT_2023[: len(setting.shares)]
    truths = [setting.truth(), replace(setting, shifts=setting.shifts + larger).truth()]
    held: dict[str, list[bool]] = {key: [] for key in KEYS}
    for _ in range(SETS):
        labels, scores, patient = setting.draw(random)
        at = np.flatnonzero(labels.any(axis=0) & ~labels.all(axis=0))
        if not len(at):
            continue
        noise = scores - setting.shifts * labels
        own = SHARED * noise + np.sqrt(1 - SHARED**2) * random.normal(size=noise.shape)
        other = own + (setting.shifts + larger) * labels
        sides = [
            [scored(labels[:, at], one[:, at], [classes[q] for q in at], patient, LEVEL)]
            for one in (other, scores)
        ]
        found = [*difference(*sides).values()]
        real = (truths[1] - truths[0])[at].mean(axis=0)
        for key, truth, ends in zip(KEYS, real, found, strict=True):
            if ends is not None:
                held[key].append(ends[0] <= truth <= ends[1])
    return {key: round(float(np.mean(ones)), 3) for key, ones in held.items()}


def main() -> None:
    """Print the table of docs/evaluation.md, and write the results."""
    print("| test sets, two models | second model | AP | AUROC |\n|---|---|---|---|", flush=True)
    results = {}
    for name, setting, larger in chosen():
        one = results[f"{name}, shift {larger:g}"] = measure(setting, larger)
        second = "better" if larger else "equal"
        print(f"| {name} | {second} | {one['AP']:.2f} | {one['AUROC']:.2f} |", flush=True)
    notes = {"level": LEVEL, "test sets": SETS, "correlation": SHARED}
    write(RESULTS / "coverage_differences.json", {"notes": notes, "settings": results})


if __name__ == "__main__":
    run(main, __doc__)
