"""The ED stay that each study was taken in, and the vital signs measured there."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from camchex.aggregates.small_cells import Counts, percentiles
from camchex.contract import tables
from camchex.contract.rules import LEAST_SHARE
from camchex.contract.schemas import ORIGIN, SOURCES, TAKEN, UNITS, VITAL_SIGNS, VITALS
from camchex.texts.vitals_text import vitals_texts
from camchex.vitals.params import VitalsParams
from camchex.vitals.plausible import drop_implausible, is_lost

LINKED = pa.schema(
    [
        *(VITALS.field(n) for n in ("study_id", "stay_id", "taken", "minutes_since_arrival")),
        *(VITALS.field(n) for n in (*VITAL_SIGNS, "gender")),
        *(
            (f"{name}_origin", pa.struct([(end, kind) for end, (kind, _) in ORIGIN.items()]))
            for name in VITAL_SIGNS
        ),
    ]
)
Values = dict[str, dict[str, dict[str, int]]]
ROW_COUNTS = (
    *("edstays", "edstays_duplicate", "edstays_untimed", "edstays_ending_before_start"),
    *("edstays_too_long", "edstays_of_two_genders"),
    *("triage", "triage_duplicate", "triage_orphan"),
    *("vitalsign", "vitalsign_untimed", "vitalsign_orphan"),
    *("vitalsign_before_arrival", "vitalsign_after_departure"),
)
LONGEST = timedelta(days=366)
"""Longest stay that can be right: some systems write 9999-12-31 for a stay that has not ended."""


def link_vitals(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> pa.Table:
    """Give every study the vital signs of its visit to the ED.

    A value is the plausible one from triage, else the latest plausible one charted at or before
    the study, never after it. Triage has no time of its own and counts as taken on arrival. A stay
    that begins after the study gives no value, but for one case: the study lies in no visit, and
    is stamped so shortly before arrival that the clocks of the two systems may disagree
    (``hours_before``). It then has the triage of that stay, at a negative age. ``nearest_any`` has
    no such bound: the nearest arrival may be years later, and its triage is used all the same.

    Args:
        studies: ``schemas.STUDIES``.
        edstays: patient_id, stay_id, intime, outtime, gender; one row per stay.
        triage: patient_id, stay_id and the columns of ``schemas.VITAL_SIGNS``; one row per stay.
        vitalsign: Columns of ``triage`` and charttime; any number of rows per stay.
        params: The rule (``link.sql`` states it, with its ties), its slack, the gap within a visit,
            the ranges.

    Returns:
        ``schemas.VITALS``, one row per study.

    Raises:
        DataError: If a value was measured after its study (:func:`tables.require_no_later_value`).

    Source:
        Paper section 4 (vital signs "recorded at triage", linked by "admission times") states
        neither rule nor window. ``nearest_any`` links as the released code does;
        ``within_stay``, visits and the ranges are this project's.
    """
    return _link(studies, edstays, triage, vitalsign, params)[0]


def link_and_count(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> tuple[pa.Table, Counts]:
    """Link as :func:`link_vitals` does, and count what was found, changed and not used.

    Returns:
        ``schemas.VITALS``, and counts (aggregates, small cells not hidden): ``studies`` linked or
        not, before arrival or after departure (under ``within_stay``: through the slack), between
        two stays of a visit, and with values of another stay of the visit (``through_chain``);
        ``sources`` of each value over the linked studies; values of triage of a stay that had not
        begun (``before_arrival``); the
        percentiles of ``age_minutes`` of all other values, and of the absolute
        ``minutes_from_arrival``; ``rows`` of the raw tables that could not be used; ``values``
        converted and dropped, by table and rule (``studies``: after the values of a study were put
        together).
    """
    vitals, values = _link(studies, edstays, triage, vitalsign, params)
    raw = {"edstays": edstays, "triage": triage, "vitalsign": vitalsign}
    row_counts = pa.schema([pa.field(name, pa.int64()) for name in ROW_COUNTS])
    limits = {"before": timedelta(hours=params.hours_before), "longest": LONGEST}
    linked = vitals.filter(pc.is_valid(vitals["stay_id"]))
    minutes = linked["minutes_since_arrival"].to_numpy()
    ages = {name: linked[f"{name}_age_minutes"].to_numpy() for name in VITAL_SIGNS}
    stays = {name: pc.not_equal(linked[f"{name}_stay_id"], linked["stay_id"]) for name in ages}
    chained = {name: other.fill_null(fill_value=False).to_numpy() for name, other in stays.items()}
    taken = {when: pc.sum(pc.equal(linked["taken"], when)).as_py() or 0 for when in TAKEN}
    rows = tables.run_sql("vitals/row_counts.sql", raw, row_counts, limits).to_pylist()[0]
    warning = " ".join(_lost(rows, values))
    if warning:
        Console(stderr=True, soft_wrap=True).print(f"warning: {warning}", markup=False)
    return vitals, {
        **({"warning": warning} if warning else {}),
        "studies": {
            "total": vitals.num_rows,
            "linked": linked.num_rows,
            "unlinked": vitals.num_rows - linked.num_rows,
            "linked_before_arrival": taken["before"],
            "linked_between_stays": taken["between"],
            "linked_after_departure": taken["after"],
            "with_values_through_chain": int(np.any(list(chained.values()), axis=0).sum()),
        },
        "sources": {name: _sources(linked[f"{name}_source"]) for name in ages},
        "values_before_arrival": {name: int((age < 0).sum()) for name, age in ages.items()},
        "values_through_chain": {name: int(other.sum()) for name, other in chained.items()},
        "age_minutes": {name: percentiles(age[age >= 0]) for name, age in ages.items()},
        "minutes_from_arrival": percentiles(np.abs(minutes)),
        "rows": rows,
        "values": values,
    }


def _lost(rows: Mapping[str, int], values: Values) -> Iterator[str]:
    """Say of what almost everything is missing or dropped, without a number."""
    if rows["vitalsign"] - rows["vitalsign_untimed"] < LEAST_SHARE * rows["vitalsign"]:
        yield "vitalsign: almost no row has a charttime, so that none of its values is used."
    for name, unit in UNITS.items():
        counts = [values[table][name] for table in ("triage", "vitalsign")]
        given = sum(count["given"] for count in counts)
        dropped = sum(count.get("out_of_range", 0) for count in counts)
        if not given:
            yield f"{name}: neither triage nor vitalsign has a value."
        elif is_lost(given, dropped):
            yield f"{name}: almost all values are out of range. Are they of another unit? {unit}"


def _sources(source: pa.ChunkedArray) -> Counts:
    counts = {table: pc.sum(pc.equal(source, table)).as_py() or 0 for table in SOURCES}
    return {**counts, "missing": source.null_count}


def _link(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> tuple[pa.Table, Values]:
    """Return the linked table, and counts of ``drop_implausible`` by table."""
    arrival = drop_implausible(triage, params.ranges)
    chart = drop_implausible(vitalsign, params.ranges)
    inputs = {
        "studies": studies,
        "edstays": edstays,
        "triage": arrival.table,
        "vitalsign": chart.table,
    }
    values: dict[str, object] = {
        "rule": params.rule,
        "before": timedelta(hours=params.hours_before),
        "after": timedelta(hours=params.hours_after),
        "longest": LONGEST,
        "gap": None if params.visit_gap_hours is None else timedelta(hours=params.visit_gap_hours),
    }
    linked = tables.run_sql("vitals/link.sql", inputs, LINKED, values).flatten()
    names = [name.replace("_origin.", "_") for name in linked.column_names]
    # Once more, since one pressure may come from triage and the other from the chart.
    table, counts = drop_implausible(linked.rename_columns(names), params.ranges)
    for name in VITAL_SIGNS:  # an origin only where there is a value
        for origin in ORIGIN:
            at = table.column_names.index(f"{name}_{origin}")
            kept = pc.if_else(pc.is_valid(table[name]), table.column(at), None)
            table = table.set_column(at, f"{name}_{origin}", kept)
    table = table.append_column("vitals_text", vitals_texts(table))
    vitals = table.select(VITALS.names).cast(VITALS)
    tables.require_no_later_value(vitals)
    return vitals, {"triage": arrival.counts, "vitalsign": chart.counts, "studies": counts}
