"""Who the studies are of, what is missing, and where labels come from, of what was counted.

Nothing is counted here: small counts arrive as ``<5`` and stay so, and what no file holds is said
to be not recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camchex.aggregates.results import Results
from camchex.report.render import NONE, cell, percent
from camchex.report.seed_rows import Joined
from camchex.scores.groups import EMERGENCY, SEX

NOT_RECORDED = "not recorded"
RACE, AGE = "race", "age"
FURTHER = (RACE, AGE)
"""Characteristics that tables of their own tell, where ``data.demographics`` names them."""
FAIRNESS = (SEX, RACE, AGE, EMERGENCY)
Count = int | str | None


@dataclass(frozen=True)
class Box:
    """One box of the diagram of how studies became test studies.

    Attributes:
        title: What the box holds.
        lines: Counts, as text.
        kind: ``all`` (of the whole width), ``out`` (left out) or ``split``.
    """

    title: str
    lines: Sequence[str]
    kind: str


@dataclass(frozen=True)
class Gap:
    """Largest difference of a score between the values of a characteristic.

    Attributes:
        characteristic: Name of the characteristic.
        groups: Values with their numbers of studies, those that are too small to be scored too.
        best: Value that scores best; None if fewer than two are scored.
        worst: Value that scores worst.
        auroc: Difference of the mean AUROC; None as ``best``.
        map_: Difference of the mean AP, which also follows how frequent findings are.
        apart: Whether the intervals of AUROC of best and worst do not meet; None: not known.
    """

    characteristic: str
    groups: str
    best: str | None = None
    worst: str | None = None
    auroc: float | None = None
    map_: float | None = None
    apart: bool | None = None


def flow_of_studies(data: Mapping[str, Results]) -> list[Box]:
    """From the studies that were listed to those of each split, with what was left out between.

    Args:
        data: Counts of every stage of data, by the name of its file.
    """
    cohort, listed = data["cohort"], data.get("mimic", {})
    first = [
        f"{cell(listed[key])} {key}" for key in ("patients", "studies", "images") if key in listed
    ]
    left = cohort["left_out"]
    boxes = [
        Box("Listed", first or [f"{cell(cohort['studies'])} studies"], "all"),
        Box(
            "Left out",
            [
                f"studies in no split: {cell(left['no_split'])}",
                f"studies without a readable image: {cell(left['no_prepared_image'])}",
                f"images that could not be prepared: {cell(cohort['images_not_prepared'])}",
            ],
            "all out",
        ),
    ]
    purpose = {"train": "learnt from", "development": "to choose with", "test": "scored"}
    for name, split in cohort["splits"].items():
        images = split["images"]
        lines = [f"{cell(split[key])} {key}" for key in ("patients", "studies")]
        lines += [f"{cell(images[view])} {view} images" for view in images]
        boxes.append(Box(f"{name}, {purpose[name]}" if name in purpose else name, lines, "split"))
    return boxes


def shares(counts: Sequence[Count], totals: Sequence[Count]) -> list[str]:
    """Counts as text, each with its share of a total where neither is hidden."""
    return [
        f"{cell(count)} ({percent(count / total)})"
        if isinstance(count, int) and isinstance(total, int) and total
        else cell(count)
        for count, total in zip(counts, totals, strict=True)
    ]


def missing_by_split(cohort: Results) -> list[tuple[str, list[str]]]:
    """Studies of each split that lack an input or a second set of labels."""
    splits = list(cohort["splits"].values())
    totals = [split["studies"] for split in splits]
    return [
        (label, shares([split.get(key) for split in splits], totals))
        for key, label in (
            ("without_indication", "indication"),
            ("outside_ed_stay", "emergency stay, and with it sex and all vital signs"),
            ("without_mimic14", "labels of MIMIC-CXR-JPG"),
        )
    ]


def missing_vital_signs(vitals: Results) -> list[tuple[str, str]]:
    """Each vital sign with the linked studies that lack it; none where they were not counted."""
    total = vitals.get("studies", {}).get("linked")
    return [
        (name, shares([found["missing"]], [total])[0])
        for name, found in vitals.get("sources", {}).items()
    ]


def groups_of(rows: Joined, characteristic: str) -> str:
    """Values of a characteristic of the test studies, each with its number of studies."""
    found = [(value, row["studies"]) for (name, value), row in rows if name == characteristic]
    return ", ".join(f"{value} {cell(studies)}" for value, studies in found) or NOT_RECORDED


def further_groups(data: Mapping[str, Results]) -> list[tuple[str, list[str]]]:
    """Studies of each split by race and age, where they were counted, each as ``race: value``."""
    found: list[tuple[str, list[str]]] = []
    for name in FURTHER:
        splits = list(data.get(f"by_{name}", {}).values())
        found += [
            (f"{name}: {value}", [cell(split.get(value, 0)) for split in splits])
            for value in sorted({value for split in splits for value in split})
        ]
    return found


def gaps(rows: Joined) -> list[Gap]:
    """How far apart the groups score that must not be served worse, race and age if recorded.

    Args:
        rows: Subgroups of the test studies, as :func:`camchex.report.seed_rows.join_rows` joins
            them.
    """
    return [_gap(rows, characteristic) for characteristic in FAIRNESS]


def _gap(rows: Joined, characteristic: str) -> Gap:
    groups = groups_of(rows, characteristic)
    scored = [
        (value, row)
        for (name, value), row in rows
        if name == characteristic and row["AUROC"]["mean"] is not None
    ]
    if len(scored) <= 1:
        return Gap(characteristic, groups)
    scored.sort(key=lambda item: -item[1]["AUROC"]["mean"])
    (best, high), (worst, low) = scored[0], scored[-1]
    means = [row["mAP"]["mean"] for _, row in scored]
    ends = high["AUROC_interval"], low["AUROC_interval"]
    return Gap(
        characteristic,
        groups,
        best,
        worst,
        high["AUROC"]["mean"] - low["AUROC"]["mean"],
        None if None in means else max(means) - min(means),
        None if None in ends else ends[0][0] > ends[1][1],
    )


def text_of(value: object) -> str:
    """A parameter as text: a list with commas, a small number with all its digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(text_of, value))
    if isinstance(value, float):
        return f"{value:g}"
    return NONE if value is None else cell(value)
