"""How many test sets have an interval that holds the truth: 95 in 100 should.

Test sets are invented, of patients with several studies whose labels and scores are alike, and the
truth of endlessly many such studies is known: scores are normal, a positive's higher by a shift.
The intervals of the evaluation stand beside those of the bootstrap that it had before (percentiles
of resampled patients, moved by twice their bias, of the classes that each resample can score), on
the first of the same test sets. Run it as ``python benchmarks/coverage.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from record import RESULTS, run, write
from scipy.stats import norm

from camchex.comparisons.paper import paper_numbers
from camchex.scores.bootstrap import bootstrap, draw_patients, interval
from camchex.scores.intervals import intervals_of
from camchex.scores.metrics import macro, optimism, score_classes

LEVEL, RESAMPLES = 0.95, 150
KEYS = ("AP", "AUROC")
GRID = np.linspace(-8, 11, 8_001)


@dataclass(frozen=True)
class Setting:
    """Test sets of one kind.

    Attributes:
        studies: Of a test set.
        per_patient: Studies of a patient, on average.
        alike: Share of the variance of labels and of scores that is the patient's.
        shares: Prevalence of each class, (Q,).
        shifts: How much higher a positive's score is, in standard deviations, (Q,).
        sets: Test sets; ``before``: those of them on which the bootstrap is measured.
    """

    studies: int
    per_patient: float
    alike: float
    shares: np.ndarray
    shifts: np.ndarray
    sets: int
    before: int

    def draw(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels and scores, (N, Q), and the patient of each study, (N,)."""
        patients = round(self.studies / self.per_patient)
        patient = random.integers(0, patients, self.studies)
        own, theirs = np.sqrt(1 - self.alike), np.sqrt(self.alike)

        def latent() -> np.ndarray:
            size = self.studies, len(self.shares)
            of_patient = random.normal(size=(patients, size[1]))[patient]
            return theirs * of_patient + own * random.normal(size=size)

        labels = (latent() > norm.isf(self.shares)).astype(np.float64)
        return labels, latent() + self.shifts * labels, patient

    def truth(self) -> np.ndarray:
        """Average precision and AUROC of endlessly many studies, (Q, 2)."""
        found = []
        for share, shift in zip(self.shares, self.shifts, strict=True):
            recall = norm.sf(GRID - shift)
            precision = share * recall / (share * recall + (1 - share) * norm.sf(GRID))
            ap = np.trapezoid(precision * norm.pdf(GRID - shift), GRID)
            found.append((ap, norm.cdf(shift / np.sqrt(2))))
        return np.array(found)


def settings() -> Iterator[tuple[str, Setting]]:
    """Single classes with few positives, and means over the 26 classes of CXR-LT 2023."""
    for alike in (0.0, 0.5):
        for positives in (8, 14, 20, 40, 400):
            for shift in (1.2, 2.0):
                studies = max(400, 10 * positives)
                one = np.array([positives / studies])
                name = f"{positives} positives of {studies:,}, AUROC {norm.cdf(shift / 2**0.5):.2f}"
                yield name, Setting(studies, 3.5, alike, one, np.array([shift]), 300, 100)
    rows = paper_numbers()["tableA2"].values()
    shares = np.array([row["train_images"] for row in rows]) / paper_numbers()["train_images"]
    random = np.random.default_rng(1)
    mixed, high = random.permutation(np.linspace(0.8, 2.2, len(shares))), np.full(len(shares), 2.2)
    for studies, per, alike, shifts, what in (
        (200, 1.5, 0.5, mixed, "mixed"),
        (406, 1.5, 0.0, mixed, "mixed"),
        (406, 1.5, 0.5, mixed, "mixed"),
        (406, 1.5, 0.5, high, "0.94 each"),
        (406, 3.5, 0.5, mixed, "mixed"),
        (2_000, 3.5, 0.5, mixed, "mixed"),
    ):
        name = f"mean of 26 classes, {studies:,} studies, {per:g} a patient, AUROC {what}"
        yield name, Setting(studies, per, alike, shares, shifts, 200, 60)


def measure(setting: Setting) -> dict[str, object]:
    """Shares of test sets whose interval holds the truth, mean widths, and the bias of the mAP."""
    truth, random = setting.truth(), np.random.default_rng(0)
    names = [str(q) for q in range(len(truth))]
    held: dict[str, list[bool]] = {f"{k} {when}": [] for k in KEYS for when in ("after", "before")}
    width: dict[str, list[float]] = {key: [] for key in held}
    above, told = [], []
    for number in range(setting.sets):
        labels, scores, patient = setting.draw(random)
        each = score_classes(labels, scores, names)
        at = [q for q, score in enumerate(each.values()) if score.ap is not None]
        if not at:
            continue
        mean, real = macro(each.values()), truth[at].mean(axis=0)
        above.append((mean.ap or 0) - real[0])
        told.append(optimism(each.values()))
        found = [*intervals_of(labels, scores, names, patient, LEVEL).of_mean(each).values()]
        ends = {f"{key} after": one for key, one in zip(KEYS, found, strict=True)}
        if number < setting.before:
            draws = draw_patients(patient.astype(str).tolist(), RESAMPLES, number)
            drawn = bootstrap(labels[:, at], scores[:, at], draws)
            for key, values, score in (
                ("AP", drawn.ap, mean.ap),
                ("AUROC", drawn.auroc, mean.auroc),
            ):
                some = values[~np.isnan(values).all(axis=1)]
                one = interval(np.nanmean(some, axis=1), LEVEL, score)
                ends[f"{key} before"] = one and np.clip(one, 0, 1).tolist()
        for key, one in ends.items():
            if one is not None:
                held[key].append(one[0] <= real[KEYS.index(key.split()[0])] <= one[1])
                width[key].append(one[1] - one[0])
    return {
        "alike": setting.alike,
        "truth": truth.mean(axis=0).round(3).tolist(),
        "covered": {key: round(float(np.mean(ones)), 3) for key, ones in held.items()},
        "width": {key: round(float(np.mean(ones)), 3) for key, ones in width.items()},
        "no interval": round(1 - len(held["AP after"]) / setting.sets, 3),
        "AP too high by": round(float(np.mean(above)), 3),
        "optimism told": round(float(np.mean(told)), 3),
    }


def main() -> None:
    """Print the table of docs/evaluation.md, and write the results."""
    print("| test sets | alike | AP: before, now | AUROC: before, now | AP too high by, told |")
    print("|---|---|---|---|---|", flush=True)
    results = {}
    for name, setting in settings():
        one = results[f"{name}, alike {setting.alike:g}"] = measure(setting)
        covered = one["covered"]
        cells = (
            ", ".join(f"{covered[f'{key} {when}']:.2f}" for when in ("before", "after"))
            for key in KEYS
        )
        bias = f"{one['AP too high by']:+.3f}, {one['optimism told']:+.3f}"
        print(f"| {name} | {setting.alike:g} | {' | '.join(cells)} | {bias} |", flush=True)
    notes = {"level": LEVEL, "resamples before": RESAMPLES}
    write(RESULTS / "coverage.json", {"notes": notes, "settings": results})


if __name__ == "__main__":
    run(main, __doc__)
