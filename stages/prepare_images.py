"""Decode and resize every image of a data set once."""

from dataclasses import asdict
from pathlib import Path

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageParams
from camchex.images.prepare import prepare_images
from camchex.views.view_classifier import read_view_classifier
from stages import Input, OptionalInput, Output, run

SHOW_ALL = 1  # how many files are unreadable says nothing of a patient


def main(
    images: Input, out: Output, metrics: Output, view_classifier: OptionalInput = None
) -> None:
    """Write the shards, their index and the quarantine of one data set, and what was counted."""
    prepared = prepare_images(
        images=tables.read(images, schemas.IMAGES),
        root=params.load("data.root", Path),
        out=out,
        params=params.load("images", ImageParams),
        workers=params.load("runtime.workers", int),
        classifier=read_view_classifier(view_classifier) if view_classifier else None,
    )
    write_counts(asdict(prepared), metrics, SHOW_ALL)


if __name__ == "__main__":
    run(main)
