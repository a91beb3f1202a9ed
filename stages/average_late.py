"""Late fusion: the mean of the models of images, indication and vital signs, seed by seed."""

from camchex.comparisons.ensemble import average
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from stages import Input, Output, run


def main(images: Input, indication: Input, vitals: Input, out: Output) -> None:
    """Write the predictions of each declared seed."""
    classes = params.load("labels", LabelParams).classes
    schema = schemas.predictions(classes)
    for seed in params.load("seeds", list[int]):
        name = f"seed{seed}.parquet"
        members = [tables.read(f / name, schema) for f in (images, indication, vitals)]
        tables.write(average(members, classes), out / name, schema)


if __name__ == "__main__":
    run(main)
