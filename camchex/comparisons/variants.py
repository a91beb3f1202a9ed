"""Which models each table compares: the rows of Table 3, the baselines, and the parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["final", "variant", "image_model"]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: Name of the model among those of its kind.
        label: What the model is, to a reader.
        kind: ``final``, the model of the pipeline; ``variant``, trained anew for a table; or
            ``image_model``, which reads one image at a time and has no seeds.
        paper: Table and model of the paper's numbers for it; None if the paper prints none.
        remark: In what the paper's numbers differ from this row, beside the data.
    """

    name: str
    label: str
    kind: Kind = "variant"
    paper: tuple[str, str] | None = None
    remark: str = ""


@dataclass(frozen=True)
class Comparison:
    """One table.

    Attributes:
        title: What the table compares.
        rows: Rows in the order of the table.
        steps: Pairs of rows whose difference is given, second minus first.
    """

    title: str
    rows: Sequence[Row]
    steps: Sequence[tuple[str, str]]


def _against(rows: Sequence[Row], name: str) -> list[tuple[str, str]]:
    return [(row.name, name) for row in rows if row.name != name]


CAMCHEX = Row("camchex", "CaMChex: + vital signs", "final", ("table3", "CaMCheX"))

# Steps from each row to the one that the paper scores next higher.
TABLE3 = Comparison(
    title="What each input is worth (the paper's Table 3)",
    rows=(
        Row(
            "gen4",
            "one image at a time, mean over the study",
            "image_model",
            ("table3", "Single-View"),
        ),
        Row("ci_only", "indication alone", paper=("table3", "CI only")),
        Row("vs_only", "vital signs alone", paper=("table3", "VS only")),
        Row("multi_view", "all images, no text", paper=("table3", "Multi-View")),
        Row("mv_ci", "all images + indication", paper=("table3", "MV + CI")),
        CAMCHEX,
    ),
    steps=(
        ("vs_only", "ci_only"),
        ("ci_only", "gen4"),
        ("gen4", "multi_view"),
        ("multi_view", "mv_ci"),
        ("mv_ci", "camchex"),
    ),
)

_BASELINES = (
    Row(
        "chexfusion",
        "CheXFusion: shared encoder, no text",
        paper=("table1/CXR-LT-2023", "CheXFusion"),
        remark="scored per image",
    ),
    Row(
        "mmbt",
        "MMBT: image regions and words in one BERT",
        paper=("table1/MIMIC-CXR-14", "MMBT (Jacenkow et al.)"),
        remark="other labels, another split of MIMIC-CXR",
    ),
    Row("late", "mean of the models of images, indication and vital signs"),
    CAMCHEX,
)
BASELINES = Comparison(
    title="Other ways to read the same study",
    rows=_BASELINES,
    steps=_against(_BASELINES, "camchex"),
)

_IMAGE_MODELS = (
    *(
        Row(f"gen{g}", f"generation {g} alone, mean over the images", "image_model")
        for g in range(5)
    ),
    Row("views", "the encoder of each view alone, mean over the images", "image_model"),
)
_PARTS = (
    Row("teacher_only", "no noisy student: encoders of generation 0"),
    Row("no_view_finetuning", "encoders of generation 4 for both views"),
    Row("shared_encoder", "one encoder for both views"),
    Row("attended_padding", "empty slots are attended to"),
    Row("released_positions", "position encoding as released"),
    CAMCHEX,
)
PARTS = Comparison(
    title="What each part is worth",
    rows=(*_IMAGE_MODELS, *_PARTS),
    steps=(
        *((f"gen{g}", f"gen{g + 1}") for g in range(4)),
        ("gen4", "views"),
        *_against(_PARTS, "camchex"),
    ),
)

COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {"table3": TABLE3, "baselines": BASELINES, "parts": PARTS}
)
