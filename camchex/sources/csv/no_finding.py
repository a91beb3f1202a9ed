"""No Finding beside a finding: a contradiction that published labels may hold."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import NO_FINDING, NORMAL

DEVICES = "Support Devices"  # may be there beside No Finding
Labels = Mapping[str, pa.Array | pa.ChunkedArray]


def is_no_finding(name: str) -> bool:
    """Whether a published name says that nothing was found: VinDr-CXR writes ``No finding``."""
    return name.lower() == NO_FINDING.lower()


def any_finding(labels: Labels, rows: int) -> pa.Array:
    """Whether any finding is positive, bool, (N,); a device is none, an unknown label is not one.

    Args:
        labels: 1, 0, another number or null, or true, false and null, by finding, (N,).
        rows: N.
    """
    found = pa.repeat(pa.scalar(value=False), rows)
    for name, values in labels.items():
        if name not in (DEVICES, NORMAL) and not is_no_finding(name):
            present = values if pa.types.is_boolean(values.type) else pc.equal(values, 1)
            found = pc.or_(found, pc.fill_null(present, fill_value=False))
    return _array(found)


def contradicted(labels: Labels, name: str = NO_FINDING) -> pa.Array:
    """Whether ``name`` (No Finding or its like) is positive beside a positive finding, bool, (N,).

    Args:
        labels: As of :func:`any_finding`, with ``name`` among them.
        name: The label that excludes the others.
    """
    values = labels[name]
    others = {other: label for other, label in labels.items() if other != name}
    none = values if pa.types.is_boolean(values.type) else pc.equal(values, 1)
    none = pc.fill_null(none, fill_value=False)
    return _array(pc.and_(none, any_finding(others, len(values))))


def count(flags: pa.Array) -> int:
    """How many rows are true."""
    return int(pc.sum(flags).as_py() or 0)


def _array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
