"""Joint reading beside separate reading, where what only joint reading can know is known."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results
from camchex.comparisons.variant_tables import SCORES, SYNTHETIC
from camchex.comparisons.variant_text import mean_sd_text, number_text

SETTINGS: Mapping[str, float] = MappingProxyType(
    {"synthetic.synergy": 1.0, "synthetic.label_leak": 0.0, "augmentation.flip_p": 0.0}
)
"""Parameters of the cohort that differ: every study has cues, no label follows from words alone,
and no image is mirrored in training, which would hide the side of a shadow."""
JOINT = "images+indication+vitals"
READINGS = MappingProxyType(
    {
        "joint": "joint: CaMChex",
        "sum_of_log_odds": "separate models, sum of log-odds",
        "mean": "separate models, mean",
    }
)
SIDES = MappingProxyType({"ceiling": "best", "ours": "ours"})
WORTH = 0.03  # AP: least gain of the best reading of a finding that is listed


def joint_gain(ceiling: Results, seeds: Sequence[int]) -> Results:
    """Gain of joint over separate reading on the test studies, of models and of the best reading.

    Args:
        ceiling: Results of the ceiling of a cohort with ``synthetic.synergy``.
        seeds: The declared seeds.

    Returns:
        ``readings``: mAP and AUROC of each of ``READINGS``, ``ceiling`` and ``ours`` (mean over
        seeds). ``gains``: of joint reading over each other one, ``ceiling``, ``ours`` (mean and
        standard deviation) and ``share``. ``findings``: the same, but ``share``, of the AP over the
        sum of log-odds, of each finding for which the best reading gains at least ``WORTH``.
    """
    test = ceiling["splits"]["test"]
    readings = {"joint": test["sets"][JOINT], **test["separate"]}
    joint, separate = (readings[name]["per_class"] for name in ("joint", "sum_of_log_odds"))
    gains = {
        finding: {
            side: joint[finding][side]["AP"] - separate[finding][side]["AP"]
            for side in ("ceiling", "ours")
        }
        for finding in joint
        if joint[finding]["ceiling"]["AP"] is not None and joint[finding]["ours"]
    }
    return {
        "title": "Joint reading of what only joint reading can know",
        "data": SYNTHETIC,
        "settings": dict(SETTINGS),
        "seeds": list(seeds),
        "readings": {
            name: {side: row[side] for side in ("ceiling", "ours")}
            for name, row in readings.items()
        },
        "gains": {name: row["gain_of_joint"] for name, row in test["separate"].items()},
        "findings": {name: row for name, row in gains.items() if row["ceiling"] >= WORTH},
    }


def joint_gain_text(found: Results) -> str:
    """The results of :func:`joint_gain` as Markdown."""
    rows = [
        [READINGS[name], *(number_text(row[side][s]) for s in SCORES for side in SIDES)]
        for name, row in found["readings"].items()
    ]
    gains = []
    for name, row in found["gains"].items():
        cells = []
        for gain in (row[score] for score in SCORES):
            share = "" if gain["share"] is None else f"{100 * gain['share']:.0f} %"
            cells += [number_text(gain["ceiling"], "+"), mean_sd_text(gain["ours"], "+"), share]
        gains.append([READINGS[name], *cells])
    findings = [
        [name, *(number_text(row[side], "+") for side in SIDES)]
        for name, row in found["findings"].items()
    ]
    settings = ", ".join(f"{key}={value:g}" for key, value in found["settings"].items())
    columns = ("best {}", "ours, {}", "share of it")
    parts = (
        f"# {found['title']}",
        f"Synthetic data, test studies, a cohort with {settings}. Best: the best possible reading; "
        f"ours: mean, or mean ± standard deviation, over the seeds {found['seeds']}.",
        markdown_table(
            ("reading", *(f"{side} {s}" for s in SCORES for side in SIDES.values())), rows
        ),
        markdown_table(
            ("gain of joint over", *(c.format(s) for s in SCORES for c in columns)), gains
        ),
        markdown_table(("gain in AP over the sum of log-odds", *SIDES.values()), findings),
    )
    return "\n\n".join(parts) + "\n"
