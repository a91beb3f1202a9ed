"""The report's section on leakage: what labels and scores owe to the indication's words."""

from collections.abc import Iterator

from camchex.evaluation.markup import (
    bar,
    details,
    number,
    paragraph,
    percent,
    points,
    spread,
    table,
    text,
)
from camchex.evaluation.results import Results

SETS = {
    "labels": "learnt",
    "labels_of_mimic14_classes": "learnt, 14",
    "mimic14": "MIMIC-14",
}
EXPLAINED = (
    "Scored against the labels learnt; the same, of the classes of MIMIC-CXR-JPG only; and "
    "MIMIC-CXR-JPG's own (MIMIC-14), which are mined from findings and impression and cannot see "
    "the indication. What a score loses from the second to the third it may owe to its words."
)
CHANCE_AUROC = 0.5
KINDS = {
    "ruled_out": "Studies in which MIMIC-CXR-JPG rules the finding out: share labelled positive. "
    "Shares that would tell a small count are not shown.",
    "not_seen": "The same where it rules the finding out or does not mention it. A share can then "
    "be higher without any leak: what MIMIC-CXR-JPG missed is named more often too.",
}
SIDES = {"naming_a_finding": "names a finding", "naming_none": "names none"}


def audit_section(audit: Results) -> str:
    """One sentence on whether labels leak, then the tables it rests on."""
    return (
        paragraph(f"<strong>{reading(audit)}</strong>")
        + paragraph(EXPLAINED)
        + _baselines(audit)
        + _by_indication(audit)
        + _shuffled(audit)
        + details("Each class: text alone beside the model (average precision)", _classes(audit))
        + details("Each class: labels where the indication names it", _leak_rows(audit))
    )


def reading(audit: Results) -> str:
    """What the audit says, in one sentence."""
    leak = audit["leak"]
    if leak["found"] is None:
        return (
            "Whether the labels lean on the indication cannot be told: it hardly ever names a "
            "finding that MIMIC-CXR-JPG rules out."
        )
    found = leak["ruled_out"]
    chance = found["excess_shuffled"]
    numbers = (
        f"where the indication names a finding that MIMIC-CXR-JPG rules out, the label is "
        f"positive in {percent(found['share_positive'])} of the cases, {points(found['excess'])} "
        f"more than where it is not named (with indications dealt out at random: "
        f"{points(chance['mean'])} ± {100 * chance['sd']:.1f})"
    )
    if leak["found"]:
        return f"The labels lean on the indication: {numbers}, so part of the score is owed to it."
    return f"No sign that the labels lean on the indication: {numbers}."


def _baselines(audit: Results) -> str:
    rows = [
        [
            f"{SETS[key]} <small>({found['classes_scored']} classes)</small>: {score}",
            number(found["mean_prevalence"] if score == "mAP" else CHANCE_AUROC),
            number(found["keywords"][score]),
            number(found["ngrams"][score]),
            spread(found["model"][score]),
        ]
        for key, found in audit["baselines"].items()
        for score in ("mAP", "AUROC")
    ]
    caption = (
        "How far the indication goes without an image. Keywords: a finding scores where a word for "
        "it is written. Words and pairs: logistic regressions learnt on the training studies."
    )
    header = ["scored against", "chance", "keywords", "words and pairs", "this model"]
    return table(header, rows, caption)


def _by_indication(audit: Results) -> str:
    studies = audit["test_studies"]
    rows = [
        [
            f"{SETS[key]} <small>({found['classes_scored']} classes)</small>",
            SIDES[side],
            number(found[side]["mean_prevalence"]),
            *(spread(found[side][score]) for score in ("mAP", "AUROC")),
        ]
        for key, found in audit["by_indication"].items()
        for side in SIDES
    ]
    caption = (
        f"This model where the indication names a finding ({text(studies['naming_a_finding'])} "
        f"test studies) and where it names none ({text(studies['naming_none'])}; "
        f"{text(studies['without_indication'])} of them have no indication). "
        "Compare AUROC: mAP also follows the prevalence."
    )
    header = ["scored against", "indication", "chance mAP", "mAP", "AUROC"]
    return table(header, rows, caption)


def _shuffled(audit: Results) -> str:
    found = {key: row for key, row in audit["shuffled_indications"].items() if row}
    if not found:
        return paragraph("Indications were not swapped between studies for this report.")
    rows = list(_swapped_rows(found))
    seed = next(iter(found.values()))["seed"]
    caption = f"Seed {seed}, predicting again with every study given another study's indication."
    header = ["scored against", "own indication", "another's", "lost"]
    return table(header, rows, caption)


def _swapped_rows(found: Results) -> Iterator[list[str]]:
    for key, row in found.items():
        for score in ("mAP", "AUROC"):
            own, other = row["own"][score], row["swapped"][score]
            lost = None if own is None or other is None else own - other
            yield [f"{SETS[key]}: {score}", number(own), number(other), number(lost)]


def _classes(audit: Results) -> str:
    rows = [
        [text(name)]
        + [
            bar(row[f"{source}_AP"], row["prevalence"], number(row[f"{source}_AP"]))
            for source in ("keywords", "ngrams", "model")
        ]
        for name, row in audit["per_class"].items()
    ]
    return table(["finding", "keywords", "words and pairs", "this model"], rows)


def _leak_rows(audit: Results) -> str:
    header = ["finding", "studies naming it", "positive if named", "positive if not"]
    return "".join(
        table(
            header,
            [
                [
                    text(name),
                    text(row["named"]),
                    percent(row["rate_named"]),
                    percent(row["rate_unnamed"]),
                ]
                for name, row in audit["leak"][kind]["per_class"].items()
            ],
            caption,
        )
        for kind, caption in KINDS.items()
    )
