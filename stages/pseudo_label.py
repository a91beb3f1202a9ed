"""Let one generation label what the external sets leave unknown."""

from typing import Annotated

import typer

from camchex.aggregates.results import write_results
from camchex.contract import params
from camchex.contract.labels import LabelParams
from camchex.networks.image_classifier import ImageClassifier
from camchex.pseudo_labels.pseudo_labels import pseudo_label, write_quantiles
from camchex.runs.devices import first_device
from camchex.runs.runtime import RuntimeParams
from camchex.sources.params import ExternalSets
from stages import Input, Output, run

Generation = Annotated[int, typer.Option(help="Generation of the teacher, from 0.")]


def main(
    *,
    teacher: Input,
    labels: Input,
    stores: Input,
    out: Output,
    metrics: Output,
    quantiles: Output,
    generation: Generation,
) -> None:
    """Write one table per external set into ``out``, and quantiles of the predicted labels."""
    classes = params.load("labels", LabelParams).classes
    model = ImageClassifier.from_pretrained(teacher, classes=classes)
    sets, runtime = params.load("external", ExternalSets), params.load("runtime", RuntimeParams)
    found = pseudo_label(model, labels, stores, sets, runtime, out)
    if first_device():
        write_results(found, metrics)
        write_quantiles(found, generation, quantiles)


if __name__ == "__main__":
    run(main)
