"""Does an input that says nothing gain nothing? Table 3 on cohorts whose inputs were told to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from camchex.aggregates.results import Results
from camchex.comparisons.variant_tables import CLEAR, SCORES, compare, read_scores
from camchex.comparisons.variant_text import VERDICT
from camchex.comparisons.variants import TABLE3, Comparison

CHANCE = 0.5  # AUROC


@dataclass(frozen=True)
class Silenced:
    """One cohort.

    Attributes:
        settings: Parameters by dotted key; nothing for the cohort as it is.
        alone: The row of Table 3 that reads the input alone.
        step: The two rows of Table 3 between which it is added.
    """

    settings: Mapping[str, float]
    alone: str
    step: tuple[str, str]

    @property
    def rows(self) -> tuple[str, str, str]:
        """The rows of Table 3 that it is about."""
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


def silenced_table(silenced: Silenced, seeds: Sequence[int], root: Path) -> Results:
    """Those rows of Table 3 that an input decides, of the project below ``root``.

    Raises:
        DataError: If a score of one of them is missing.
    """
    rows = [row for row in TABLE3.rows if row.name in silenced.rows]
    scores = {row.name: read_scores(row, seeds, root) for row in rows}
    return compare(Comparison(TABLE3.title, rows, [silenced.step]), scores, seeds, "synthetic")


def gains(informative: Results, silenced: Mapping[str, Results]) -> Results:
    """What each input gains where it says something, and where it says nothing.

    Args:
        informative: Table 3 of the cohort as it is.
        silenced: The same, or :func:`silenced_table`, of the cohort in which an input says
            nothing, by input.

    Returns:
        By input: the settings, and of both cohorts the step that adds the input, with
        ``within_spread`` (not further from 0 than twice the standard deviation), and the AUROC of
        the input alone above that of chance.
    """
    return {
        "title": "What an input gains that was made to say nothing",
        "data": "synthetic",
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
    """The same as Markdown."""
    lines = [
        f"# {found['title']}",
        "",
        "Synthetic data. Gain: the difference, of the same seed, that the input makes beside the "
        "others; mean ± standard deviation. Zero: not further from it than twice that.",
        "",
        "| input | cohort | gain in mAP | zero | gain in AUROC | zero | alone, AUROC above 0.5 |",
        f"|{' --- |' * 7}",
    ]
    for name, of_input in found["inputs"].items():
        settings = ", ".join(f"{key}={value:g}" for key, value in of_input["settings"].items())
        for cohort, label in (("informative", "as it is"), ("silenced", settings)):
            gain = of_input[cohort]
            cells = [name, label]
            for score in SCORES:
                cells += [_spread(gain[score]), VERDICT[gain[score]["within_spread"]]]
            lines.append(f"| {' | '.join([*cells, _spread(gain['alone_above_chance'])])} |")
    return "\n".join([*lines, ""])


def _gain(table: Results, silenced: Silenced) -> Results:
    before, after = silenced.step
    (step,) = (s for s in table["steps"] if (s["from"], s["to"]) == (before, after))
    alone = table["rows"][silenced.alone]["AUROC"]
    above = None if alone["mean"] is None else alone["mean"] - CHANCE
    return {
        **{score: _with_verdict(step[score]) for score in SCORES},
        "alone_above_chance": {"mean": above, "sd": alone["sd"]},
    }


def _with_verdict(difference: Results) -> Results:
    mean, sd = difference["mean"], difference["sd"]
    within = None if mean is None or sd is None else abs(mean) <= CLEAR * sd
    return {"mean": mean, "sd": sd, "within_spread": within}


def _spread(found: Results) -> str:
    if found["mean"] is None:
        return ""
    return f"{found['mean']:+.3f}" + (f" ± {found['sd']:.3f}" if found["sd"] is not None else "")
