"""What the linkage found, changed and could not use: aggregates to be tracked."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts, percentiles
from camchex.contract import tables
from camchex.contract.schemas import VITAL_SIGNS
from camchex.vitals.link import Linkage

ROWS = pa.schema(
    [
        pa.field(name, pa.int64())
        for name in (
            "edstays",
            "edstays_duplicate",
            "edstays_untimed",
            "edstays_ending_before_start",
            "triage",
            "triage_duplicate",
            "triage_orphan",
            "vitalsign",
            "vitalsign_untimed",
            "vitalsign_orphan",
        )
    ]
)


def vitals_counts(
    edstays: pa.Table, triage: pa.Table, vitalsign: pa.Table, linkage: Linkage
) -> Counts:
    """Count what :func:`camchex.vitals.link.link` made of its inputs.

    Args:
        edstays: Stays, as given to ``link``, like the next two.
        triage: Measurements on arrival.
        vitalsign: Measurements charted during the stay.
        linkage: What ``link`` returned for them.

    Returns:
        ``studies`` linked or not; ``sources`` of each value over the linked studies;
        ``minutes_from_arrival``: percentiles of its absolute value; ``rows`` of the raw tables
        that could not be used; ``values`` converted and dropped, by table and rule (``studies``:
        after the values of a study were put together).
    """
    vitals = linkage.vitals
    raw = {"edstays": edstays, "triage": triage, "vitalsign": vitalsign}
    linked = vitals.filter(pc.is_valid(vitals["stay_id"]))
    minutes = linked["minutes_since_arrival"].to_numpy()
    return {
        "studies": {
            "total": vitals.num_rows,
            "linked": linked.num_rows,
            "unlinked": vitals.num_rows - linked.num_rows,
            "linked_before_arrival": int((minutes < 0).sum()),
        },
        "sources": {name: _sources(linked[f"{name}_source"]) for name in VITAL_SIGNS},
        "minutes_from_arrival": percentiles(np.abs(minutes).tolist()),
        "rows": tables.run_sql("vitals/counts.sql", raw, ROWS).to_pylist()[0],
        "values": linkage.values,
    }


def _sources(column: pa.ChunkedArray) -> dict[str, int]:
    found = {row["values"]: row["counts"] for row in column.value_counts().to_pylist()}
    names = {"triage": "triage", "vitalsign": "vitalsign", "missing": None}
    return {name: found.get(source, 0) for name, source in names.items()}
