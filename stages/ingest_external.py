"""Turn the published table of one external set into canonical images and labels."""

from pathlib import Path

from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.sources.external.read import read_external
from camchex.sources.params import ExternalSet
from stages import Input, Name, Output, run


def main(key: Name, table: Input, images: Output, labels: Output) -> None:
    """Write the images of the set, and their labels in the label space of the cohort."""
    external = params.load(f"external.{key}", ExternalSet)
    space = params.load("labels", LabelParams)
    root = params.load("data.root", Path)
    found, known = read_external(key, external, table, root, space)
    tables.write(found, images, schemas.IMAGES)
    tables.write(known, labels, schemas.labels(space.classes))


if __name__ == "__main__":
    run(main)
