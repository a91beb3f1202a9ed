"""What a table of vital signs may not say: held by the stage of the cohort and by camchex check."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract import schemas
from camchex.contract.rules import Problem, wrong
from camchex.texts.vitals_text import vitals_texts

Ranges = Mapping[str, schemas.Bounds]


def vitals_contradictions(vitals: pa.Table, ranges: Ranges | None) -> Iterator[Problem]:
    """Yield values out of range (of another unit?), without origin, and text that says otherwise.

    Args:
        vitals: ``schemas.VITALS``.
        ranges: Least and largest plausible value of each vital sign, or None to accept any.
    """
    for name, (low, high) in (ranges or {}).items():
        inside = pc.and_(pc.greater_equal(vitals[name], low), pc.less_equal(vitals[name], high))
        expected = f"{low} to {high}: {schemas.UNITS[name]} (vitals.ranges)"
        yield from _unless(vitals, name, inside, expected)
    for name in schemas.VITAL_SIGNS:
        for origin in schemas.ORIGIN:
            kept = pc.or_(pc.is_valid(vitals[name]), pc.is_null(vitals[f"{name}_{origin}"]))
            yield from _unless(vitals, f"{name}_{origin}", kept, f"null, as {name} is")
        charted = pc.fill_null(pc.equal(vitals[f"{name}_source"], "vitalsign"), fill_value=False)
        timed = pc.or_(pc.invert(charted), pc.is_valid(vitals[f"{name}_age_minutes"]))
        yield from _unless(
            vitals, f"{name}_age_minutes", timed, "minutes, as of all that is charted"
        )
    linked = pc.or_(pc.is_null(vitals["taken"]), pc.is_valid(vitals["stay_id"]))
    yield from _unless(vitals, "taken", linked, "null, as stay_id is")
    before = pc.less(vitals["minutes_since_arrival"], 0.0)
    agree = pc.equal(before, pc.equal(vitals["taken"], "before"))
    yield from _unless(vitals, "taken", agree, "before, where minutes_since_arrival is below 0")
    same = pc.equal(vitals["vitals_text"].combine_chunks(), vitals_texts(vitals))
    yield from wrong(vitals, "vitals_text", same, "what camchex.texts.vitals_text writes")


def _unless(table: pa.Table, name: str, good: pa.ChunkedArray, expected: str) -> Iterator[Problem]:
    """Yield a column's values that are not good; where a null decides, nothing is known."""
    return wrong(table, name, pc.fill_null(good, fill_value=True), expected)
