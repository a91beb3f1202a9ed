"""Results of other pipelines, shown in the report, with a note where they are of another run.

The ceiling, the variants and the truth of the pseudo-labels are outputs of their own pipelines,
which the report must not wait for. They are copied into a folder that the report depends on, so
that a file there may be of another run: every file is compared with this run. A result of another
run is shown with a note that says how the two runs differ, since a reader without hours to spare
has no other. A result of other patients says nothing of these: its scores are shown as recorded
elsewhere, apart from those of this run.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from camchex.aggregates.results import Results, read_results
from camchex.comparisons.seed_spread import ROUNDING, SeedScore, is_within_spread
from camchex.comparisons.variant_text import mean_sd_text
from camchex.comparisons.variants import OURS
from camchex.contract.files import sha256

CEILING, TRUTH, MISSING = "ceiling", "pseudo_labels", "missing"
VARIANTS = ("table3", "baselines", "parts", MISSING)
NAMES = (CEILING, *VARIANTS, TRUTH)
WHOLE = "images+indication+vitals"  # the set of modalities of the model itself
SCORES = ("mAP", "AUROC")


@dataclass(frozen=True)
class OtherResults:
    """Contents of the folder.

    Attributes:
        found: Results to show, by name.
        of_another_run: How the run of a result differs from this one, and the command that measures
            it of this run, by name; none for results of this run.
        why_not: Reason why results are not among them, and the command that makes them, by name.
        elsewhere: ``data`` and the labelled mean scores (``rows``) of results of other patients, by
            name.
    """

    found: Mapping[str, Results]
    of_another_run: Mapping[str, str]
    why_not: Mapping[str, str]
    elsewhere: Mapping[str, Results] = field(default_factory=dict)


def read_other_results(
    folder: Path,
    summary: Results,
    pseudo_labels: Path,
    made_by: Mapping[str, str],
) -> OtherResults:
    """Read the results of the folder, and compare each with this run.

    Args:
        folder: Folder of ``<name>.json`` for each of ``NAMES``; any may be missing.
        summary: Scores over all seeds, as :func:`camchex.report.summary.summarise` returns them.
        pseudo_labels: Folder of the quantiles of the pseudo-labels, ``gen<g>.json``.
        made_by: Command that measures each of ``NAMES``.

    Raises:
        DataError: If a file is there and is not one JSON object.
    """
    found, notes, why_not, elsewhere = {}, {}, {}, {}
    for name in NAMES:
        path, command = folder / f"{name}.json", made_by[name]
        if not path.exists():
            why_not[name] = f"Not measured yet: `{command}` measures it."
            continue
        content = read_results(path)
        if name != TRUTH and not has_these_patients(name, content, summary):
            why_not[name] = (
                "Not measured of these patients: it was measured on other patients, whose scores "
                f"stand apart. `{command}` measures it on these."
            )
            elsewhere[name] = {"data": content["data"], "rows": list(_labelled(name, content))}
            continue
        found[name] = content
        differs = difference(name, content, summary, pseudo_labels)
        if differs:
            notes[name] = (
                f"Of another run, not of this page's: {differs} `{command}` measures it anew."
            )
    return OtherResults(found, notes, why_not, elsewhere)


def _labelled(name: str, content: Results) -> Iterator[tuple[str, Mapping[str, float | None]]]:
    """Yield label and mean scores of each row that a result has of its own patients."""
    if name in VARIANTS:
        for key, row in content["rows"].items():
            yield row.get("label", key), {score: row[score]["mean"] for score in SCORES}
        return
    for inputs, found in content["splits"]["test"]["sets"].items():
        for key, label in {"ceiling": "best possible", "ours": "trained"}.items():
            if found.get(key):
                yield f"{inputs}: {label}", found[key]


def has_these_patients(name: str, content: Results, summary: Results) -> bool:
    """Whether a result is of the same kind of patients, and names the scores of its own run."""
    if name in VARIANTS:
        return content["data"] == summary["data"] and OURS in content["rows"]
    test = content["splits"]["test"]
    same = content["data"] == summary["data"] and test["studies"] == summary["studies"]
    return same and test["sets"][WHOLE]["ours"] is not None


def difference(name: str, content: Results, summary: Results, pseudo_labels: Path) -> str | None:
    """How the run of a result differs from a summary's, as a sentence; None if it is the same."""
    if name == TRUTH:
        return _other_pseudo_labels(content, pseudo_labels)
    if name == CEILING:
        whole = content["splits"]["test"]["sets"][WHOLE]
        seeds = whole["seeds"]
        there = {score: SeedScore(whole["ours"][score], None, seeds) for score in SCORES}
        same = seeds == len(summary["seeds"])
    else:
        row, seeds = content["rows"][OURS], len(content["seeds"])
        there = {score: SeedScore(**row[score], seeds=seeds) for score in SCORES}
        same = content["seeds"] == summary["seeds"]
    here = {
        score: SeedScore(**summary["study"][score], seeds=len(summary["seeds"])) for score in SCORES
    }
    if same and all(_equal(there[score], here[score]) for score in SCORES):
        return None
    within = all(is_within_spread(there[score], here[score]) for score in SCORES)
    verdict = (
        "no further apart than the spread over seeds"
        if within
        else "further apart than the spread over seeds, so that parameters, data, code or machine "
        "were others, and no row can be read as this page's"
    )
    return f"there this model scores {_scores(there)}, here {_scores(here)}, {verdict}."


def _scores(scores: Mapping[str, SeedScore]) -> str:
    shown = (
        f"{name} {mean_sd_text({'mean': s.mean, 'sd': s.sd}) or 'not scored'}"
        for name, s in scores.items()
    )
    count = next(iter(scores.values())).seeds
    return f"{' and '.join(shown)} ({count} {'seed' if count == 1 else 'seeds'})"


def _other_pseudo_labels(truth: Results, folder: Path) -> str | None:
    """The generations that were not scored when their pseudo-labels were those of a folder."""
    here = {path.stem: sha256(path) for path in folder.glob("gen*.json")}
    there = {name: found.get("spread_sha256") for name, found in truth.items()}
    others = sorted(n for n in {*here, *there} if here.get(n) != there.get(n))
    return f"the pseudo-labels of {', '.join(others)} are others." if others else None


def _equal(one: SeedScore, other: SeedScore) -> bool:
    """Equal but for the last digit that is written; an unknown deviation is no difference."""
    pairs = [(one.mean, other.mean)]
    if one.sd is not None and other.sd is not None:
        pairs.append((one.sd, other.sd))
    return all(
        a is b if a is None or b is None else math.isclose(a, b, rel_tol=0, abs_tol=ROUNDING)
        for a, b in pairs
    )
