"""Aggregates as JSON: rounded, so that the last bits of a float do not show up as a change."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from camchex.contract.files import write_text
from camchex.errors import DataError

Results = Mapping[str, Any]
DECIMALS = 6


def rounded(value: object) -> object:
    """Round every float, at any depth, to ``DECIMALS``."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, Mapping):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def write_results(results: Results, path: Path) -> None:
    """Write results as JSON, in their order, rounded; the folder of the file is made."""
    write_text(path, json.dumps(rounded(results), indent=2, allow_nan=False) + "\n")


def read_results(path: Path) -> Results:
    """Read one JSON object of aggregates.

    Raises:
        DataError: If the file is missing or not one JSON object.
    """
    try:
        results = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. `dvc repro` makes it.") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not valid JSON ({error}). `dvc repro` makes it again.") from error
    if not isinstance(results, dict):
        raise DataError(f"{path}: expected one JSON object, found {type(results).__name__}")
    return results
