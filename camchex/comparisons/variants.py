"""Which models each table compares, as variants.yaml lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from camchex.contract.yaml_file import read_data

Kind = Literal["final", "variant", "image_model", "student", "ensemble"]
Files = Mapping[Kind, str]
"""Path for each kind of model, with ``{name}`` for a row and ``{seed}`` for a seed."""
Training = Literal["teacher", "student", "view_finetuning", "fusion"]
OURS = "camchex"
"""Name of the row of the pipeline's own model."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: Name of the model among those of its kind.
        label: What the model is, to a reader.
        kind: ``final``, the model of the pipeline; ``variant``, made anew for a table;
            ``image_model``, which reads one image at a time and has no seeds; ``student``, one that
            was trained with several; or ``ensemble``.
        paper: Table and model of the paper's numbers for it; None if the paper prints none.
        remark: In what the paper's numbers differ from this row, beside the data.
        training: The last training of the model, whose spread under rounding is its own.
        trained: Names of the trainings that made it, if it is not one of the row's own name.
        of: Row of the table whose seeds an ensemble averages; empty for other kinds.
    """

    name: str
    label: str
    kind: Kind = "variant"
    paper: Sequence[str] | None = None
    remark: str = ""
    training: Training = "fusion"
    trained: Sequence[str] = ()
    of: str = ""


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


_TABLES = read_data(__package__, "variants.yaml", dict[str, dict[str, Any]])
COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        name: Comparison(
            table["title"],
            [Row(**row) for row in table["rows"]],
            [(before, after) for before, after in table["steps"]],
        )
        for name, table in _TABLES.items()
    }
)
TABLE3 = COMPARISONS["table3"]
