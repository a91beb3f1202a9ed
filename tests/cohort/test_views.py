"""Views that a classifier decided reach the cohort only where nothing else tells them."""

from itertools import product

import pyarrow as pa

from camchex.cohort.build import build_cohort
from camchex.cohort.views import CLASSIFIER, with_decided_views
from camchex.contract import schemas
from tests.cohort.test_build import CLASSES, IMAGES, inputs

VIEWS = ("frontal", "lateral")


def looked_at(found: dict[str, str | None]) -> pa.Table:
    """What a classifier said of some images."""
    rows = [
        {"image_id": i, "view": v, "confidence": 0.8, "inverted": 0.0, "upside_down": 0.0}
        for i, v in sorted(found.items())
    ]
    return pa.Table.from_pylist(rows, schema=schemas.VIEWS)


def test_every_case_is_decided_as_by_hand() -> None:
    row = {"dataset": "mimic", "patient_id": "p", "study_id": "s", "path": "x"}
    sources = (schemas.UNKNOWN_VIEW, "ViewPosition")
    cases = list(product(VIEWS, sources, ("absent", None, *VIEWS)))
    images = [
        {**row, "image_id": f"{n:02}", "view": view, "view_source": source}
        for n, (view, source, _) in enumerate(cases)
    ]
    said = {f"{n:02}": said for n, (_, _, said) in enumerate(cases) if said != "absent"}
    table = pa.Table.from_pylist(images, schema=schemas.IMAGES)
    found, counts = with_decided_views(table, looked_at(said))
    expected = [
        (said, CLASSIFIER) if source == "default" and said in VIEWS else (view, source)
        for view, source, said in cases
    ]
    assert list(zip(found["view"].to_pylist(), found["view_source"].to_pylist(), strict=True)) == (
        expected
    )
    assert found.drop_columns(["view", "view_source"]) == table.drop_columns(
        ["view", "view_source"]
    )
    assert found.schema == schemas.IMAGES
    assert counts == {"decided": 4, "unknown": 4}
    assert with_decided_views(table, schemas.VIEWS.empty_table())[0] == table


def test_a_study_has_its_images_in_the_order_of_the_decided_views() -> None:
    rows = [
        {**row, "view_source": "default" if row["image_id"] == "a2" else row["view_source"]}
        for row in inputs().images.to_pylist()
    ]
    images = pa.Table.from_pylist(rows, schema=schemas.IMAGES)
    said = looked_at({"a2": "lateral", "a3": "lateral"})  # the view of a3 is known: frontal
    cohort, counts = build_cohort(inputs(images=images, views=said), IMAGES, CLASSES)
    first = cohort.to_pylist()[0]
    assert first["image_ids"] == ["a3", "a1", "a2"]
    assert first["views"] == ["frontal", "lateral", "lateral"]
    assert counts["views_by_classifier"] == {"decided": 1, "unknown": 0}
    assert counts["splits"]["train"]["images"] == {"frontal": 1, "lateral": 2}
