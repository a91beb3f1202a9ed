"""Studies without some of their inputs: as if the cohort had never had them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.errors import ModelError
from camchex.fusion.study_data import cohort_studies
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.samples import Cohort
from camchex.prediction.image_predictions import VIEWS, predict_by_image, predict_views
from camchex.prediction.missing_inputs import COMBINATIONS, predict_combinations
from camchex.prediction.study_predictions import predict_studies
from tests.networks.small import CLASSES, INDICATIONS, SIZE, VITALS, camchex, classifier
from tests.training.factories import RUNTIME, MemoryStore

STUDIES = {"a": "fl", "b": "lfl", "c": "", "d": "l", "e": "ffff"}
"""Views of the images of each study: frontal or lateral."""
NAMES = {"f": "frontal", "l": "lateral"}
TEXTS: list[str | None] = [*INDICATIONS[:3], None, INDICATIONS[3]]
SIGNS = [*VITALS[:2], NO_VITALS, *VITALS[2:]]


def cohort(
    views: str = "fl",
    *,
    unknown: bool = False,
    texts: Sequence[str | None] = TEXTS,
    signs: Sequence[str] = SIGNS,
) -> Cohort:
    """Studies whose images of other ``views`` were never taken."""
    names = [f"{key}{n}" for key, of in STUDIES.items() for n in range(len(of))]
    left = {k: [n for n, v in enumerate(of) if v in views] for k, of in STUDIES.items()}
    columns = {
        "study_id": list(STUDIES),
        "patient_id": list(STUDIES),
        "split": ["test", "test", "test", "test", "development"],
        "image_ids": [[f"{key}{n}" for n in places] for key, places in left.items()],
        "views": [
            ["frontal" if unknown else NAMES[STUDIES[key][n]] for n in places]
            for key, places in left.items()
        ],
        "indication": list(texts),
        "vitals_text": list(signs),
        **{name: [0.0] * 5 for name in CLASSES},
        **{f"mimic14.{name}": [None] * 5 for name in MIMIC_14},
    }
    pixels = np.random.default_rng(0).integers(0, 256, (len(names), SIZE, SIZE), dtype=np.uint8)
    table = pa.table(columns, schema=schemas.cohort(CLASSES))
    return Cohort(table, MemoryStore(pixels, names), CLASSES)


def removed(combination: str) -> Cohort:
    """The cohort that never had what a combination does not name."""
    images, left = combination.split("+")[0], combination.split("+")
    views = {"images": "fl", "unknown": "fl", "frontal": "f", "lateral": "l"}.get(images, "")
    return cohort(
        views,
        unknown=images == "unknown",
        texts=TEXTS if "indication" in left else [None] * 5,
        signs=SIGNS if "vitals" in left else [NO_VITALS] * 5,
    )


def values(table: pa.Table) -> np.ndarray:
    return np.stack([table[name].to_numpy() for name in CLASSES], axis=1)


def test_a_combination_is_predicted_as_on_a_cohort_whose_inputs_were_removed() -> None:
    model = camchex()
    found = predict_combinations(model, cohort(), RUNTIME)
    assert list(found) == list(COMBINATIONS)
    for combination, table in found.items():
        expected = predict_studies(model, cohort_studies(removed(combination), ["test"]), RUNTIME)
        assert table.schema == schemas.predictions(CLASSES)
        assert table["study_id"].to_pylist() == ["a", "b", "c", "d"]
        np.testing.assert_allclose(values(table), values(expected), atol=1e-6, err_msg=combination)


def test_what_is_withheld_matters_and_there_are_all_seven_ways_to_leave_an_input() -> None:
    tables = predict_combinations(camchex(), cohort(), RUNTIME)
    found = {name: values(table)[0] for name, table in tables.items()}
    assert len({row.tobytes() for row in found.values()}) == len(COMBINATIONS)
    plain = {
        name for name in COMBINATIONS if not {"frontal", "lateral", "unknown"} & {*name.split("+")}
    }
    assert {frozenset(name.split("+")) for name in plain} == {
        frozenset(
            n for n, chosen in zip(("images", "indication", "vitals"), bits, strict=True) if chosen
        )
        for bits in np.ndindex(2, 2, 2)
        if any(bits)
    }


def test_a_model_that_does_not_read_every_input_is_refused() -> None:
    with pytest.raises(ModelError, match="reads images, indication alone"):
        predict_combinations(camchex(inputs=["images", "indication"]), cohort(), RUNTIME)


def test_the_classifier_of_a_view_reads_the_studies_that_have_it() -> None:
    models = {"frontal": classifier(1), "lateral": classifier(2)}
    found = dict(predict_views(models, cohort(), ["test", "development"], RUNTIME))
    has = {"frontal": ["a", "b", "e"], "lateral": ["a", "b", "d"]}
    assert {view: table["study_id"].to_pylist() for view, table in found.items()} == has
    for view in VIEWS:
        never = cohort(view[0])
        few = Cohort(
            never.table.filter(pa.array([key in has[view] for key in STUDIES])),
            never.store,
            CLASSES,
        )
        expected = predict_by_image(models, few, ["test", "development"], RUNTIME)
        np.testing.assert_allclose(values(found[view]), values(expected), atol=1e-6)
