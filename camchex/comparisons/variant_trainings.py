"""How much was trained for each row of a table, so that a reader sees what is compared."""

from collections.abc import Sequence
from pathlib import Path

from camchex.aggregates.results import read_results
from camchex.comparisons.variants import Comparison, Files, Row
from camchex.errors import DataError

COUNTS = ("parameters", "epochs")


def read_trained(
    row: Row, comparison: Comparison, seeds: Sequence[int], files: Files
) -> dict[str, int]:
    """Count what was trained for one row: for one seed, and for an ensemble for all of them.

    Trainings of the image encoders that a fusion starts from do not count.

    Args:
        row: A row of a table.
        comparison: The table.
        seeds: The declared seeds.
        files: Path of what a training says of its size.

    Returns:
        ``trainings``, and over all of them ``parameters`` and ``epochs``.

    Raises:
        DataError: If a file is missing, or is something else.
    """
    if row.of:
        (one,) = (other for other in comparison.rows if other.name == row.of)
        found = read_trained(one, comparison, seeds, files)
        return {key: count * len(seeds) for key, count in found.items()}
    names = row.trained or [row.name]
    paths = [Path(files[row.kind].format(name=name, seed=seeds[0])) for name in names]
    sizes = {path: read_results(path) for path in paths}
    for path, size in sizes.items():
        if not all(isinstance(size.get(key), int) for key in COUNTS):
            raise DataError(f"{path}: not the size of a training. Train again: `make ablations`.")
    sums = {key: sum(size[key] for size in sizes.values()) for key in COUNTS}
    return {"trainings": len(paths), **sums}
