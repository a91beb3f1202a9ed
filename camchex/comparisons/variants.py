"""Which models each table compares: the rows of Table 3, the baselines, and the parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

SEED = "{seed}"


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: Of the variant in ablations/dvc.yaml.
        label: What it is, to a reader.
        results: File with the scores of each seed, or (without ``{seed}``) of the one model.
        paper: Table and model of the paper's numbers for it; none if it prints none.
        remark: In what its numbers there differ from this row, beside the data.
    """

    name: str
    label: str
    results: str
    paper: tuple[str, str] | None = None
    remark: str = ""


@dataclass(frozen=True)
class Comparison:
    """One table.

    Attributes:
        title: What it compares.
        rows: In the order of the table.
        steps: Pairs of rows whose difference is given, second minus first.
    """

    title: str
    rows: Sequence[Row]
    steps: Sequence[tuple[str, str]]


def _variant(name: str, label: str, paper: tuple[str, str] | None = None, remark: str = "") -> Row:
    return Row(name, label, f"metrics/ablations/{name}/seed{SEED}.json", paper, remark)


def _image_model(name: str, label: str, paper: tuple[str, str] | None = None) -> Row:
    return Row(name, label, f"metrics/ablations/image_models/{name}.json", paper)


def _against(rows: Sequence[Row], name: str) -> list[tuple[str, str]]:
    return [(row.name, name) for row in rows if row.name != name]


CAMCHEX = Row(
    "camchex", "CaMChex: + vital signs", f"metrics/seeds/seed{SEED}.json", ("table3", "CaMCheX")
)
MULTI_VIEW = _variant("multi_view", "all images, no text", ("table3", "Multi-View"))
INDICATION = _variant("ci_only", "indication alone", ("table3", "CI only"))
VITALS = _variant("vs_only", "vital signs alone", ("table3", "VS only"))

# Steps from each row to the one that the paper scores next higher.
TABLE3 = Comparison(
    title="What each input is worth (the paper's Table 3)",
    rows=(
        _image_model("gen4", "one image at a time, mean over the study", ("table3", "Single-View")),
        INDICATION,
        VITALS,
        MULTI_VIEW,
        _variant("mv_ci", "all images + indication", ("table3", "MV + CI")),
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
    _variant(
        "chexfusion",
        "CheXFusion: shared encoder, no text",
        ("table1/CXR-LT-2023", "CheXFusion"),
        "scored per image",
    ),
    _variant(
        "mmbt",
        "MMBT: image regions and words in one BERT",
        ("table1/MIMIC-CXR-14", "MMBT (Jacenkow et al.)"),
        "other labels, another split of MIMIC-CXR",
    ),
    _variant("late", "mean of the models of images, indication and vital signs"),
    CAMCHEX,
)
BASELINES = Comparison(
    title="Other ways to read the same study",
    rows=_BASELINES,
    steps=_against(_BASELINES, "camchex"),
)

_GENERATIONS = tuple(
    _image_model(f"gen{g}", f"generation {g} alone, mean over the images") for g in range(5)
)
_VIEWS = _image_model("views", "the encoder of each view alone, mean over the images")
_PARTS = (
    _variant("teacher_only", "no noisy student: encoders of generation 0"),
    _variant("no_view_finetuning", "encoders of generation 4 for both views"),
    _variant("shared_encoder", "one encoder for both views"),
    _variant("attended_padding", "empty slots are attended to"),
    _variant("released_positions", "position encoding as released"),
    CAMCHEX,
)
PARTS = Comparison(
    title="What each part is worth",
    rows=(*_GENERATIONS, _VIEWS, *_PARTS),
    steps=(
        *((f"gen{g}", f"gen{g + 1}") for g in range(4)),
        ("gen4", "views"),
        *_against(_PARTS, "camchex"),
    ),
)

COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {"table3": TABLE3, "baselines": BASELINES, "parts": PARTS}
)
