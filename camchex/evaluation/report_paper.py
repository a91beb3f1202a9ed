"""The report's section on the paper: its numbers beside one's own."""

from camchex.evaluation.markup import details, number, paragraph, spread, table, text
from camchex.evaluation.paper import paper_groups, paper_numbers, paper_overall
from camchex.evaluation.results import Results

OURS = "CaMCheX"
DATASET = "CXR-LT-2023"


def beside_the_paper(summary: Results) -> str:
    """Headline, groups and classes beside the paper's; then its tables as printed."""
    same_classes = set(summary["per_class"]) == set(paper_numbers()["tableA2"])
    other_classes = "These labels are not the 26 of CXR-LT 2023; the paper's tables as printed:"
    beside = _beside(summary) if same_classes else paragraph(other_classes)
    return (
        beside
        + details("Table 1: other models", _models())
        + details("Table 2: groups, as printed", _printed_groups())
        + details("Table 3: inputs left out", _ablations())
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
            "invented cohort; they stand here so that the table is complete on real data."
        )
    return (
        "Comparable only where data, labels and split are those of CXR-LT 2023, and only at the "
        "same level: the paper's Tables 1 and 3 are scored per study, its Table A2 per image."
    )


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
    return table(["score", "here", "paper", "from"], rows)


def _groups(summary: Results) -> str:
    """Every grouping at the level of images, the paper's recomputed from its rows."""
    paper = paper_groups()
    rows = [
        [f"{rule}: {group}", spread(found["mAP"]), number(paper[rule][group])]
        for rule, groups in summary["image"]["groups"].items()
        for group, found in groups.items()
    ]
    caption = (
        "mAP per image by frequency group. The paper's, recomputed from Table A2: its Table 2 "
        "compares its own 8/10/8 classes with the 13/10/3 of the models it quotes."
    )
    return table(["group", "here", "paper"], rows, caption)


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
    return table(["finding", "AP here", "AP paper", "AUROC here", "AUROC paper"], rows)


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


def _ablations() -> str:
    rows = [
        [text(row["model"]), number(row["mAP"]), number(row["AUROC"])]
        for row in paper_numbers()["table3"]
    ]
    return table(["inputs", "mAP", "AUROC"], rows, "Made here by ablations/dvc.yaml.")
