"""A stage that writes as the data stages do: a store, a table, a folder of aggregates."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.small_cells import write_counts
from camchex.contract import schemas, tables
from camchex.images.prepare import prepare_images
from tests.images.files import PARAMS, images_table, picture

PIPELINE = """
stages:
  make:
    cmd: python -m tests.pipeline.linked_stage
    params: [level]
    outs: [store, table.parquet, tables]
"""


def write_quarantine(path: Path, level: int) -> None:
    row = {"dataset": "mimic", "image_id": str(level), "path": "x", "reason": "x"}
    tables.write(pa.Table.from_pylist([row]), path, schemas.QUARANTINE)


def main() -> None:
    level = int(Path("params.yaml").read_text().split()[1])
    root = Path("raw")
    root.mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        Image.fromarray(picture(40, 40, level) // 2 + np.uint8(level)).save(root / name)
    params = PARAMS.model_copy(update={"size": 8 * level})
    prepare_images(images_table(["a.png", "b.png"]), root, Path("store"), params, 0)
    write_quarantine(Path("table.parquet"), level)
    write_csv(["level"], [[level]], Path("tables/level.csv"))
    write_counts({"level": 100 * level}, Path("tables/level.json"), 1)


if __name__ == "__main__":
    main()
