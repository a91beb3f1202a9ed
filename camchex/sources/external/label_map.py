"""What the findings that a source publishes are called here."""

from collections.abc import Mapping, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from camchex.errors import ParamsError
from camchex.sources.params import LabelPolicy

Classes = tuple[str, ...]


def label_map(
    published: Mapping[str, Classes], policy: LabelPolicy, classes: Sequence[str], dataset: str
) -> dict[str, Classes]:
    """Classes by published finding, as the policy has them.

    Args:
        published: Classes by finding, of the source's module; they may be of any label space.
        policy: ``map`` replaces entries; without ``no_finding_source_hard`` No Finding has none.
        classes: The label space.
        dataset: Key of the set, for the message.

    Raises:
        ParamsError: If ``policy.map`` names a finding that the source does not publish, or a class
            that is not in the label space.
    """
    where = f"params.yaml: external.{dataset}.labels.map"
    for finding, names in policy.map.items():
        if finding not in published:
            raise ParamsError(
                f"{where}: no finding {finding!r} in the published table. It has: "
                f"{', '.join(published)}."
            )
        for name in names:
            if name not in classes:
                raise ParamsError(
                    f"{where}: {finding!r} is to be {name!r}, which labels.space does not have. "
                    f"It has: {', '.join(classes)}."
                )
    chosen = {**published, **policy.map}
    if not policy.no_finding_source_hard:
        chosen |= {finding: () for finding in chosen if finding.lower() == "no finding"}
    return chosen


def known_classes(
    findings: Mapping[str, pa.Array], mapping: Mapping[str, Classes]
) -> dict[str, pa.Array]:
    """Labels by class: positive if any of its findings is, else unknown if any is, else negative.

    Args:
        findings: true, false or null (unknown) by published finding, (N,).
        mapping: Classes by published finding.

    Returns:
        1, 0 or null, float32, (N,), for the classes that any finding is mapped to.
    """
    merged: dict[str, list[pa.Array]] = {}
    for finding, names in mapping.items():
        for name in names:
            merged.setdefault(name, []).append(findings[finding])
    return {name: reduce(pc.or_kleene, parts).cast(pa.float32()) for name, parts in merged.items()}
