"""Probabilities from image classifiers alone: every generation, and the encoders of both views."""

from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.samples import read_cohort
from camchex.prediction.image_predictions import VIEWS, predict_by_image, predict_views
from camchex.runs.devices import first_device
from camchex.runs.runtime import RuntimeParams
from stages import Input, Output, run

GENERATIONS = ("gen0", "gen1", "gen2", "gen3", "gen4")


def main(
    generations: Input, views: Input, cohort: Input, store: Input, out: Output, one_view: Output
) -> None:
    """Write the predictions of each model for development and test, under the name of the model.

    In ``one_view``, each view's encoder reads the images of its view alone, under its name.
    """
    classes = params.load("labels", LabelParams).classes
    runtime = params.load("runtime", RuntimeParams)
    studies = read_cohort(cohort, store, classes)
    folders = {name: dict.fromkeys(VIEWS, generations / name) for name in GENERATIONS}
    folders["views"] = {view: views / view for view in VIEWS}
    for name, by_view in folders.items():
        models = {view: ImageClassifier.from_pretrained(f) for view, f in by_view.items()}
        table = predict_by_image(models, studies, ["development", "test"], runtime)
        if first_device():
            tables.write(table, out / f"{name}.parquet", schemas.predictions(classes))
    for view, table in predict_views(models, studies, ["test"], runtime):  # of the last, ``views``
        if first_device():
            tables.write(table, one_view / f"{view}.parquet", schemas.predictions(classes))


if __name__ == "__main__":
    run(main)
