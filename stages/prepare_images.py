"""Decode and resize every image of a data set once."""

from dataclasses import asdict
from pathlib import Path

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageParams
from camchex.images.prepare import prepare_images, prepare_part
from camchex.runs.parts import Part
from camchex.views.view_classifier import read_view_classifier
from stages import Input, OptionalInput, Output, PartOption, run

SHOW_ALL = 1  # how many files are unreadable says nothing of a patient


def main(
    images: Input,
    out: Output,
    metrics: Output,
    view_classifier: OptionalInput = None,
    part: PartOption = None,
) -> None:
    """Write the shards, their index and the quarantine of one data set, and what was counted."""
    table = tables.read(images, schemas.IMAGES)
    root, how = params.load("data.root", Path), params.load("images", ImageParams)
    workers = params.load("runtime.workers", int)
    classifier = read_view_classifier(view_classifier) if view_classifier else None
    if part is not None:
        prepare_part(table, root, out, how, workers, part=Part.read(part), classifier=classifier)
        return
    prepared = prepare_images(table, root, out, how, workers, classifier=classifier)
    write_counts(asdict(prepared), metrics, SHOW_ALL)


if __name__ == "__main__":
    run(main)
