"""Late fusion: the models of images, indication and vital signs put together, seed by seed."""

from camchex.comparisons.ensemble import LATE, LATE_LOG_ODDS, late_fusion
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from stages import Input, Output, run


def main(images: Input, indication: Input, vitals: Input, mean: Output, log_odds: Output) -> None:
    """Write the predictions of each declared seed by both rules."""
    classes = params.load("labels", LabelParams).classes
    schema = schemas.predictions(classes)
    for seed in params.load("seeds", list[int]):
        name = f"seed{seed}.parquet"
        members = [tables.read(f / name, schema) for f in (images, indication, vitals)]
        found = late_fusion(members, classes)
        for rule, out in ((LATE, mean), (LATE_LOG_ODDS, log_odds)):
            tables.write(found[rule], out / name, schema)


if __name__ == "__main__":
    run(main)
