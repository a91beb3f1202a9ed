"""dvc.lock as text: an entry is set without the others being read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.utils.serialize import dumps_yaml, modify_yaml

from camchex.contract.files import write_text

HEAD = "schema: '2.0'\nstages:\n"
ENTRY = re.compile(r"^  \S.*:\n(?:    .*\n)+", re.MULTILINE)
"""The name of a stage, and all that is indented below it."""


@contextmanager
def modify_entries(path: str, fs: object = None) -> Iterator[dict[str, Any]]:
    """Set entries of dvc.lock, in place of ``dvc.utils.serialize.modify_yaml``, to the same bytes.

    DVC parses and writes the whole file for each stage that ends, which takes half a second of
    processor time for the demo's 36 entries. Here the entries that do not change keep their text.

    Args:
        path: Of dvc.lock.
        fs: DVC's file system.

    Yields:
        Content without the entries that the file has; those that are then set in it are written.
        Where DVC has not written the file, or somebody has changed its layout: all of its content.
    """
    text = Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""
    entries = {entry[: entry.index("\n")]: entry for entry in ENTRY.findall(text)}
    if "".join([HEAD, *entries.values()]) != text:
        with modify_yaml(path, fs) as content:
            yield content
        return
    content = {"schema": "2.0", "stages": {}}
    yield content
    for name, values in content["stages"].items():
        entry = dumps_yaml({"stages": {name: values}}).removeprefix("stages:\n")
        entries[entry[: entry.index("\n")]] = entry
    write_text(Path(path), "".join([HEAD, *entries.values()]))
