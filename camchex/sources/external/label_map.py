"""Published findings as classes of the label space."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import NO_FINDING
from camchex.errors import ParamsError
from camchex.sources.csv.no_finding import any_finding, contradicted, count, is_no_finding
from camchex.sources.params import LabelPolicy

Classes = tuple[str, ...]


class KnownLabels(NamedTuple):
    """Labels that a table of a set says, and how often it contradicts itself."""

    image_id: pa.Array  # (N,)
    classes: dict[str, pa.Array]  # 1, 0 or null, float32, (N,), by class
    contradictions: int  # images with No Finding and a finding, of which No Finding was taken back


class OfficialTest(NamedTuple):
    """Whom the publisher of a set keeps for testing."""

    patients: pa.Array  # their ids; there may be further ones, of no image of the table
    not_in_table: int  # entries of a list of its own that are of no image of the table
    empty_list: bool = False  # a list of its own names no image


def alike(*findings: str) -> dict[str, Classes]:
    """Map findings to the classes of the same names."""
    return {finding: (finding,) for finding in findings}


def label_map(
    published: Mapping[str, Classes], policy: LabelPolicy, classes: Sequence[str], dataset: str
) -> dict[str, Classes]:
    """Map each published finding to classes, as the policy wants it.

    Args:
        published: Classes by finding, from the source's module; of any label space.
        policy: ``map`` replaces entries; without ``no_finding_source_hard`` the published No
            Finding is left out.
        classes: The label space.
        dataset: Key of the set, for the message.

    Raises:
        ParamsError: If ``policy.map`` names a finding that the source does not publish, or a class
            that is not in the label space.
    """
    where = f"params.yaml: external.{dataset}.labels.map"
    for finding, names in policy.map.items():
        if finding not in published:
            has = f"It has: {', '.join(published)}."
            raise ParamsError(f"{where}: no finding {finding!r} in the published table. {has}")
        unknown = [name for name in names if name not in classes]
        if unknown:
            raise ParamsError(
                f"{where}: {finding!r} is to be {unknown[0]!r}, which labels.space does not have. "
                f"It has: {', '.join(classes)}."
            )
    chosen = {**published, **policy.map}
    if not policy.no_finding_source_hard:
        chosen |= {finding: () for finding in chosen if is_no_finding(finding)}
    return chosen


def without_contradictions(
    findings: Mapping[str, pa.Array],
) -> tuple[Mapping[str, pa.Array], int]:
    """Take back No Finding where any published finding is positive, whether a class has it or not.

    Args:
        findings: true, false or null (unknown) by published finding, (N,), No Finding among them.

    Returns:
        The findings, and in how many rows No Finding was taken back.

    Source:
        docs/method.md, section 5. The published tables of the three sets hold no such row.
    """
    wrong = contradicted(findings)
    return {**findings, NO_FINDING: pc.and_not(findings[NO_FINDING], wrong)}, count(wrong)


def known_classes(
    findings: Mapping[str, pa.Array], mapping: Mapping[str, Classes]
) -> dict[str, pa.Array]:
    """Label each class: positive if any of its findings is, else unknown if any is, else negative.

    Args:
        findings: true, false or null (unknown) by published finding, (N,).
        mapping: Classes by published finding.

    Returns:
        1, 0 or null, float32, (N,), for the classes that any finding is mapped to.
    """
    known: dict[str, pa.Array] = {}
    for finding, names in mapping.items():
        for name in names:
            known[name] = pc.or_kleene(known.get(name, findings[finding]), findings[finding])
    return {name: present.cast(pa.float32()) for name, present in known.items()}


def imply_no_finding(labels: pa.Table, classes: Sequence[str]) -> pa.Table:
    """Set an unknown No Finding to 0 where any finding is positive.

    Args:
        labels: ``schemas.labels(classes)``.
        classes: The label space. Without No Finding in it the labels stay as they are: the Normal
            of CXR-LT 2024 is another label.

    Source:
        docs/method.md, section 5: CheXpert's No Finding has no negatives, although 183,519 images
        have it blank beside another positive finding.
    """
    if NO_FINDING not in classes:
        return labels
    published, none = labels[NO_FINDING], pa.scalar(0, pa.float32())
    positive = any_finding({name: labels[name] for name in classes}, labels.num_rows)
    implied = pc.and_(pc.is_null(published), positive)
    values = pc.if_else(implied, none, published)
    at = labels.column_names.index(NO_FINDING)
    return labels.set_column(at, labels.schema.field(at), values)
