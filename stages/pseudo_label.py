"""Let one generation label what the external sets leave unknown."""

import json

from camchex import params, schemas, tables
from camchex.images.store import ImageStore
from camchex.models.image_classifier import ImageClassifier
from camchex.runtime import RuntimeParams
from camchex.sources.params import ExternalSets
from camchex.training.device import first_device
from camchex.training.pseudo_labels import pseudo_label
from stages import Input, Output, run


def main(teacher: Input, labels: Input, stores: Input, out: Output, metrics: Output) -> None:
    """Write one table per external set into ``out``, and how the predicted labels spread."""
    model = ImageClassifier.from_pretrained(teacher)
    runtime = params.load("runtime", RuntimeParams)
    spread = {}
    for key, external in sorted(params.load("external", ExternalSets).items()):
        published = tables.read(labels / key / "labels.parquet", schemas.labels(model.classes))
        table, spread[key] = pseudo_label(
            model, published, ImageStore(stores / key), external.merged, runtime
        )
        if first_device():
            tables.write(table, out / f"{key}.parquet", schemas.pseudo_labels(model.classes))
    if first_device():
        metrics.parent.mkdir(parents=True, exist_ok=True)
        metrics.write_text(json.dumps(spread, indent=2) + "\n")


if __name__ == "__main__":
    run(main)
