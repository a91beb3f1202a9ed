"""Explanations beside their baselines, where it is known what they should hit.

``make explanations`` explains development and test studies of the synthetic cohort by the model of
the first seed, and by the same network with random weights, and writes the table below metrics,
with what ``camchex explain`` may show (``camchex.explanations.offered``). Where ``data.root`` is
real, maps alone are measured, on the boxes of VinBigData: those of the synthetic cohort mean
nothing.
"""

import argparse
import os
import sys
from pathlib import Path

from ablations import PROJECT
from camchex.aggregates.results import Results, read_results, write_results
from camchex.contract import arithmetic, params, schemas, tables
from camchex.contract.files import sha256, write_text
from camchex.errors import CamchexError, DataError
from camchex.runs.runtime import RuntimeParams
from camchex.sources.params import ExternalSet
from stages import origin

OUT = Path("metrics/ablations/explanations.json")
SHOWN = Path("metrics/shown/explanations.json")
MODELS, SEEDS, DATA = Path("models/fusion"), Path("metrics/seeds"), Path("data")


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--model", type=_absolute, help="folder of the model; the first seed's if none")
    add("--data", type=_absolute, default=DATA, help="folder of the cohort")
    given = parser.parse_args()
    os.chdir(PROJECT)
    runtime = params.load("runtime", RuntimeParams)
    if runtime.portable:
        arithmetic.pin()  # before torch is imported, as the stages do
    from camchex.explanations.measured.table import table_text
    from camchex.explanations.offered import EVIDENCE, evidence

    seed = params.load("seeds", list[int])[0]
    model = given.model or MODELS / f"seed{seed}"
    data = origin(params.load("data.root", Path))
    scored = read_results(SEEDS / f"seed{seed}.json")["study"]
    found = of_invented_studies if data == "synthetic" else of_boxes
    results = {
        "title": "Explanations",
        "data": data,
        "model": model.name,
        "seed": seed,
        "scores": {name: scored[name] for name in ("mAP", "AUROC")},
        "model_sha256": sha256(model / "model.safetensors"),
        **found(model, given.data, runtime),
    }
    write_results(results, OUT)
    if data == "synthetic":  # the report shows pictures of invented patients alone
        write_results(results, SHOWN)
    write_results(evidence(results), EVIDENCE)
    write_text(OUT.with_suffix(".md"), table_text(results))
    return 0


def _absolute(word: str) -> Path:
    """A path below the folder that the user stands in."""
    return Path(word).absolute()


def of_invented_studies(model: Path, data: Path, runtime: RuntimeParams) -> Results:
    """Measure all explanations on the synthetic cohort."""
    from camchex.explanations.measured.studies import Files
    from camchex.explanations.measured.table import Extent, measure_explanations
    from camchex.synthetic.params import SyntheticParams

    files = Files(
        model=model,
        cohort=data / "cohort.parquet",
        store=data / "images" / "mimic",
        synthetic=params.load("synthetic", SyntheticParams).model_dump_json(),
        portable=runtime.portable,
    )
    return measure_explanations(files, Extent(), runtime)


def of_boxes(model: Path, data: Path, runtime: RuntimeParams) -> Results:
    """Measure maps on the boxes of VinBigData."""
    from camchex.explanations.measured.boxes import measure_boxes
    from camchex.sources.boxes import read_boxes

    root = params.load("data.root", Path)
    sets = params.load("external", dict[str, ExternalSet])
    key = next((name for name, one in sets.items() if one.source == "vindr"), None)
    if key is None:
        raise DataError("external: no set of source vindr, whose boxes maps are measured on.")
    table = root / sets[key].folder / sets[key].table
    images = tables.read(data / "interim" / "external" / key / "images.parquet", schemas.IMAGES)
    files = {row["image_id"]: root / row["path"] for row in images.to_pylist()}
    boxes = read_boxes(table)
    return measure_boxes(model, files, boxes, runtime.workers, portable=runtime.portable)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CamchexError as error:
        sys.exit(f"error: {error}")
