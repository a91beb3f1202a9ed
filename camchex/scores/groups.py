"""Head, body and tail: the classes by how often they occur in training, in three groupings."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from camchex.contract.labels import CXR_LT_2023

Groups = Mapping[str, Sequence[str]]
HEAD, BODY, TAIL = "head", "body", "tail"

PERCENT = (0.10, 0.01)
"""Shares of the training images, as Table 2 prints its groups: more is head, less is tail."""
CHALLENGE = (10_000, 1_000)
"""Numbers of training images: the groups behind the challenge's scores that Table 2 quotes."""

PAPER: Groups = MappingProxyType(
    {
        HEAD: (
            *("Atelectasis", "Cardiomegaly", "Edema", "Lung Opacity", "No Finding"),
            *("Pleural Effusion", "Pneumonia", "Support Devices"),
        ),
        BODY: (
            *("Calcification of the Aorta", "Consolidation", "Emphysema"),
            *("Enlarged Cardiomediastinum", "Fracture", "Hernia", "Infiltration", "Mass"),
            *("Nodule", "Pneumothorax"),
        ),
        TAIL: (
            *("Fibrosis", "Lung Lesion", "Pleural Other", "Pleural Thickening"),
            *("Pneumomediastinum", "Pneumoperitoneum", "Subcutaneous Emphysema"),
            "Tortuous Aorta",
        ),
    }
)
"""Table A2: the groups of the paper's own rows, which follow neither of the two rules."""


def groupings(
    positives: Mapping[str, int], known: Mapping[str, int]
) -> dict[str, dict[str, list[str]]]:
    """Divide the classes into head, body and tail by every rule that applies.

    Training images are counted by class: those with the class, and those whose label is known.

    Returns:
        Names of the classes by group, for each rule: ``paper`` (only for the 26 classes of CXR-LT
        2023), ``percent``, ``challenge``.

    Source: paper Tables 2 and A2; docs/method.md, section 9 (Table 2 compares different groups).
    """
    found: dict[str, dict[str, list[str]]] = {}
    if set(positives) == set(CXR_LT_2023):
        found["paper"] = {group: list(names) for group, names in PAPER.items()}
    share = {name: count / max(known[name], 1) for name, count in positives.items()}
    for rule, frequency, (above, below) in (
        ("percent", share, PERCENT),
        ("challenge", positives, CHALLENGE),
    ):
        groups: dict[str, list[str]] = {HEAD: [], BODY: [], TAIL: []}
        for name, value in frequency.items():
            groups[HEAD if value > above else TAIL if value < below else BODY].append(name)
        found[rule] = groups
    return found
