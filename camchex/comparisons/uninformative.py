"""Whether an input that says nothing gains nothing: Table 3 on cohorts with such an input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results
from camchex.comparisons.variant_tables import (
    SCORES,
    SYNTHETIC,
    read_scores,
    variant_table,
)
from camchex.comparisons.variant_text import VERDICT, mean_sd_text
from camchex.comparisons.variants import TABLE3, Comparison, Files

CHANCE = 0.5  # AUROC


@dataclass(frozen=True)
class Silenced:
    """A cohort in which one input says nothing.

    Attributes:
        settings: Parameters of the cohort that differ, by dotted key.
        alone: Row of Table 3 that reads the input alone.
        step: The two rows of Table 3 between which the input is added.
    """

    settings: Mapping[str, float]
    alone: str
    step: tuple[str, str]

    @property
    def rows(self) -> tuple[str, str, str]:
        """The rows of Table 3 that the input decides."""
        return (self.alone, *self.step)


SILENCED: Mapping[str, Silenced] = MappingProxyType(
    {
        "indication": Silenced(
            {"synthetic.text_informativeness": 0.0, "synthetic.label_leak": 0.0},
            alone="ci_only",
            step=("multi_view", "mv_ci"),
        ),
        "vitals": Silenced(
            {"synthetic.vitals_informativeness": 0.0},
            alone="vs_only",
            step=("mv_ci", "camchex"),
        ),
    }
)


def silenced_table(silenced: Silenced, seeds: Sequence[int], files: Files) -> Results:
    """The rows of Table 3 that an input decides.

    Args:
        silenced: The cohort.
        seeds: The declared seeds.
        files: Paths of the scores, as :func:`read_scores` takes them.

    Raises:
        DataError: If a score of one of the rows is missing.
    """
    rows = [row for row in TABLE3.rows if row.name in silenced.rows]
    scores = {row.name: read_scores(row, seeds, files) for row in rows}
    comparison = Comparison(TABLE3.title, rows, [silenced.step])
    return variant_table(comparison, scores, seeds, SYNTHETIC)


def gains(informative: Results, silenced: Mapping[str, Results]) -> Results:
    """Gain of each input in the cohort where it says something, and where it says nothing.

    Args:
        informative: Table 3 of the cohort as it is.
        silenced: Results of :func:`silenced_table` by input.

    Returns:
        By input: the settings, and of both cohorts the step that adds the input, with
        ``within_spread`` (not further from 0 than twice the standard deviation), and the AUROC of
        the input alone above that of chance.
    """
    return {
        "title": "What an input gains that was made to say nothing",
        "data": SYNTHETIC,
        "seeds": informative["seeds"],
        "inputs": {
            name: {
                "settings": dict(SILENCED[name].settings),
                "informative": _gain(informative, SILENCED[name]),
                "silenced": _gain(table, SILENCED[name]),
            }
            for name, table in silenced.items()
        },
    }


def gains_text(found: Results) -> str:
    """The results of :func:`gains` as Markdown."""
    rows = []
    for name, told in found["inputs"].items():
        settings = ", ".join(f"{key}={value:g}" for key, value in told["settings"].items())
        for cohort, label in (("informative", "as it is"), ("silenced", settings)):
            cells = [name, label]
            for score in SCORES:
                gain = told[cohort][score]
                cells += [mean_sd_text(gain, "+"), VERDICT[gain["within_spread"]]]
            rows.append([*cells, mean_sd_text(told[cohort]["alone_above_chance"], "+")])
    header = ("input", "cohort", "gain in mAP", "zero", "gain in AUROC", "zero")
    note = (
        "Synthetic data. Gain: the difference, of the same seed, that the input makes beside the "
        "others; mean ± standard deviation. Zero: not further from it than twice that."
    )
    table = markdown_table((*header, "alone, AUROC above 0.5"), rows)
    return f"# {found['title']}\n\n{note}\n\n{table}\n"


def _gain(table: Results, silenced: Silenced) -> Results:
    before, after = silenced.step
    (step,) = (s for s in table["steps"] if (s["from"], s["to"]) == (before, after))
    alone = table["rows"][silenced.alone]["AUROC"]
    gain: dict[str, Results] = {}
    for score in SCORES:
        clear = step[score]["clear"]
        within = {"within_spread": None if clear is None else not clear}
        gain[score] = {"mean": step[score]["mean"], "sd": step[score]["sd"], **within}
    above = None if alone["mean"] is None else alone["mean"] - CHANCE
    return {**gain, "alone_above_chance": {"mean": above, "sd": alone["sd"]}}
