"""Let one generation label what the external sets leave unknown."""

import json
from typing import Annotated

import typer

from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.contract.labels import LabelParams
from camchex.networks.image_classifier import ImageClassifier
from camchex.pseudo_labels.pseudo_labels import pseudo_label, write_spreads
from camchex.runs.devices import first_device
from camchex.runs.runtime import RuntimeParams
from camchex.sources.params import ExternalSets
from stages import Input, Output, run

Generation = Annotated[int, typer.Option(help="Of the teacher, from 0.")]


def main(
    *,
    teacher: Input,
    labels: Input,
    stores: Input,
    out: Output,
    metrics: Output,
    spreads: Output,
    generation: Generation,
) -> None:
    """Write one table per external set into ``out``, and how the predicted labels spread."""
    classes = params.load("labels", LabelParams).classes
    model = ImageClassifier.from_pretrained(teacher, classes=classes)
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
        write_spreads(spread, generation, spreads)


if __name__ == "__main__":
    run(main)
