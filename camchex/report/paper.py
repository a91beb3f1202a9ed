"""The report's section on the paper: its numbers beside one's own."""

from camchex.aggregates.results import Results
from camchex.comparisons.paper import paper_groups, paper_numbers, paper_overall
from camchex.report.markup import details, number, paragraph, spread, table, text, with_code
from camchex.report.other_results import SCORES, Shown

OURS = "CaMCheX"
DATASET = "CXR-LT-2023"
TABLE3 = "table3"
LEFT_OUT = {
    "baselines": "CheXFusion, MMBT and late fusion beside this model",
    "parts": "What each part of the model is worth",
}


def beside_the_paper(summary: Results, shown: Shown) -> str:
    """Tables 1 to 3 with ours beside, and what of them may be compared.

    Args:
        summary: As :func:`camchex.report.summary.summarise` returns it.
        shown: For Table 3, which is measured by its own pipeline.
    """
    same_classes = set(summary["per_class"]) == set(paper_numbers()["tableA2"])
    other_classes = "These labels are not the 26 of CXR-LT 2023; the paper's tables as printed:"
    beside = _beside(summary) if same_classes else paragraph(other_classes)
    return (
        beside
        + _table3(summary, shown)
        + details("Table 1 as printed: other models", _models())
        + details("Table 2 as printed: groups", _printed_groups())
    )


def _beside(summary: Results) -> str:
    return (
        paragraph(_comparable(summary["data"]))
        + _headline(summary)
        + _groups(summary)
        + details("Each class (here per study, Table A2 per image)", _classes(summary))
    )


def _comparable(data: str) -> str:
    if data == "synthetic":
        return (
            "<strong>Not comparable.</strong> The paper's numbers are of MIMIC-CXR, these of an "
            "invented cohort: neither a higher nor a lower number means anything. They stand here "
            "so that the tables are complete on real data."
        )
    return (
        "Comparable only where data, labels and split are those of CXR-LT 2023, and only at the "
        "same level: the paper's Tables 1 and 3 are scored per study, its Table A2 per image."
    )


def _here(summary: Results) -> str:
    """The head of the column with one's own numbers, which says on what they were measured."""
    return "synthetic cohort" if summary["data"] == "synthetic" else "here"


def _paper(summary: Results) -> str:
    return "paper, MIMIC-CXR" if summary["data"] == "synthetic" else "paper"


def _headline(summary: Results) -> str:
    printed = next(
        row
        for row in paper_numbers()["table1"]
        if row["model"] == OURS and row["dataset"] == DATASET
    )
    recomputed = paper_overall()
    paper = {"study": printed, "image": recomputed}
    source = {"study": "Table 1", "image": "mean of Table A2"}
    rows = [
        [
            f"{score}, per {level}",
            spread(summary[level][score]),
            number(paper[level][score]),
            source[level],
        ]
        for level in paper
        for score in ("mAP", "AUROC")
    ]
    caption = "Table 1. The other models there are scored per image, the paper's own per study."
    return table(["score", _here(summary), _paper(summary), "from"], rows, caption)


def _groups(summary: Results) -> str:
    """Every grouping at the level of images, the paper's recomputed from its rows."""
    paper = paper_groups()
    rows = [
        [f"{rule}: {group}", spread(found["mAP"]), number(paper[rule][group])]
        for rule, groups in summary["image"]["groups"].items()
        for group, found in groups.items()
    ]
    caption = (
        "Table 2, mAP per image by frequency group. The paper's, recomputed from Table A2: as "
        "printed it compares its own 8/10/8 classes with the 13/10/3 of the models it quotes."
    )
    return table(["group", _here(summary), _paper(summary)], rows, caption)


def _classes(summary: Results) -> str:
    rows = [
        [
            text(name),
            spread(summary["per_class"][name]["AP"]),
            number(row["AP"]),
            spread(summary["per_class"][name]["AUROC"]),
            number(row["AUROC"]),
        ]
        for name, row in paper_numbers()["tableA2"].items()
    ]
    header = [f"{score}, {of(summary)}" for score in ("AP", "AUROC") for of in (_here, _paper)]
    return table(["finding", *header], rows)


def _models() -> str:
    rows = [
        [text(row["model"]), text(row["dataset"]), number(row["mAP"]), number(row["AUROC"])]
        for row in paper_numbers()["table1"]
    ]
    caption = "A star: on another split of MIMIC-CXR."
    return table(["model", "data", "mAP", "AUROC"], rows, caption)


def _printed_groups() -> str:
    rows = [
        [text(row["model"]), *(number(row[group]) for group in ("head", "body", "tail"))]
        for row in paper_numbers()["table2"]
    ]
    caption = "Last row: 8/10/8 classes; the others: 13/10/3."
    return table(["model", "head", "body", "tail"], rows, caption)


def _table3(summary: Results, shown: Shown) -> str:
    """Our variants beside the paper's where they were measured; else the paper's alone."""
    found = shown.found.get(TABLE3)
    if found is None:
        rows = [
            [text(row["model"]), number(row["mAP"]), number(row["AUROC"])]
            for row in paper_numbers()["table3"]
        ]
        caption = f"Table 3, what each input is worth. {with_code(shown.why_not[TABLE3])}"
        return table(["inputs", *(f"{score}, paper" for score in SCORES)], rows, caption)
    header = [f"{score}, {of(summary)}" for score in SCORES for of in (_here, _paper)]
    return table(
        ["inputs", *header],
        [_variant(row) for row in found["rows"].values()],
        "Table 3, what each input is worth, per study. With a deviation: over "
        f"{len(found['seeds'])} trainings.",
    )


def variants_section(shown: Shown, name: str) -> str:
    """A table of variants that the paper does not print, or what measures it."""
    found = shown.found.get(name)
    if found is None:
        return paragraph(f"{LEFT_OUT[name]}: {with_code(shown.why_not[name])}")
    rows = [
        [text(row["label"]), *(spread(row[score]) for score in SCORES)]
        for row in found["rows"].values()
    ]
    return table(["model", *SCORES], rows, text(found["title"]))


def _variant(row: Results) -> list[str]:
    paper = row["paper"] or dict.fromkeys(SCORES)
    cells = [cell for score in SCORES for cell in (spread(row[score]), number(paper[score]))]
    remark = row["paper_differs"]
    note = f"<br><small>paper: {text(remark)}</small>" if remark else ""
    return [f"{text(row['label'])}{note}", *cells]
