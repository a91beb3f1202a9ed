"""What the linkage found, changed and could not use: aggregates to be tracked."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex import tables
from camchex.schemas import VITAL_SIGNS
from camchex.small_cells import Counts, percentiles
from camchex.vitals.link import measured_in_stay
from camchex.vitals.params import VitalsParams
from camchex.vitals.plausible import believe

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
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    vitals: pa.Table,
    params: VitalsParams,
) -> Counts:
    """Count what :func:`camchex.vitals.link.link_vitals` made of its inputs.

    Args:
        studies: As given to ``link_vitals``, like the next three.
        edstays: Stays.
        triage: Measurements on arrival.
        vitalsign: Measurements charted during the stay.
        vitals: What ``link_vitals`` returned for them.
        params: As given to ``link_vitals``.

    Returns:
        ``studies`` linked or not; ``sources`` of each value over the linked studies;
        ``minutes_from_arrival``: percentiles of its absolute value; ``rows`` of the raw tables
        that could not be used; ``values`` converted and dropped, by table and rule (``studies``:
        after the values of a study were put together).
    """
    measured = measured_in_stay(studies, edstays, triage, vitalsign, params)
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
        "values": {
            "triage": believe(triage, params.ranges).counts,
            "vitalsign": believe(vitalsign, params.ranges).counts,
            "studies": believe(measured, params.ranges).counts,
        },
    }


def _sources(column: pa.ChunkedArray) -> dict[str, int]:
    names = column.to_pylist()
    return {
        "triage": names.count("triage"),
        "vitalsign": names.count("vitalsign"),
        "missing": names.count(None),
    }
