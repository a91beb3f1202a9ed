"""Decide the view of images whose header does not tell it, by a classifier of all others."""

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.views.classify import classify_views
from camchex.views.params import ViewParams
from camchex.views.view_classifier import write_view_classifier
from stages import Input, Output, run


def main(
    images: Input, studies: Input, store: Input, out: Output, model: Output, metrics: Output
) -> None:
    """Write the views, the classifier, and how often it is right on development images."""
    min_cell = params.load("evaluation.min_cell", int)
    views, classifier, counts = classify_views(
        images=tables.read(images, schemas.IMAGES),
        studies=tables.read(studies, schemas.STUDIES),
        store=ImageStore(store),
        params=params.load("views", ViewParams),
        min_cell=min_cell,
    )
    tables.write(views, out, schemas.VIEWS)
    write_view_classifier(classifier, model)
    write_counts(counts, metrics, min_cell)


if __name__ == "__main__":
    run(main)
