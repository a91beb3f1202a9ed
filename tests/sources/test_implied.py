"""What a positive finding says about No Finding."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.contract.schemas import labels
from camchex.sources.external.implied import imply_no_finding

rows = st.lists(
    st.fixed_dictionaries({n: st.sampled_from([1.0, 0.0, None]) for n in CXR_LT_2023}), min_size=1
)


def table(*values: dict) -> pa.Table:
    full = [{"dataset": "x", "image_id": str(i), **v} for i, v in enumerate(values)]
    return pa.Table.from_pylist(full, schema=labels(CXR_LT_2023))


@given(rows)
def test_only_an_unknown_no_finding_beside_a_positive_finding_changes(values: list[dict]) -> None:
    before = table(*values)
    after = imply_no_finding(before, CXR_LT_2023)
    assert after.schema == before.schema
    for old, new in zip(before.to_pylist(), after.to_pylist(), strict=True):
        sick = any(old[n] == 1 for n in CXR_LT_2023 if n not in ("No Finding", "Support Devices"))
        expected = 0 if sick and old["No Finding"] is None else old["No Finding"]
        assert new == {**old, "No Finding": expected}


@pytest.mark.parametrize(
    "name", [n for n in CXR_LT_2023 if n not in ("No Finding", "Support Devices")]
)
def test_every_finding_alone_implies_it(name: str) -> None:
    assert imply_no_finding(table({name: 1}), CXR_LT_2023)["No Finding"].to_pylist() == [0]


def test_a_device_alone_implies_nothing() -> None:
    after = imply_no_finding(table({"Support Devices": 1}), CXR_LT_2023)
    assert after["No Finding"].to_pylist() == [None]


def test_a_space_without_no_finding_is_left_alone() -> None:
    classes = [name for name in MIMIC_14 if name != "No Finding"]
    before = table({"Edema": 1}).select(["dataset", "image_id", *classes])
    assert imply_no_finding(before, classes) == before
