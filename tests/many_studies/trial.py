"""A table as a hospital hands it over: most of its studies are good, and some are bad in some way.

``python -m tests.many_studies.trial FOLDER 980 20`` writes one to try ``camchex predict`` on.
"""

import csv
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.images.files import encoded, picture, saved

TABLE = "studies.csv"
Cells = dict[str, str]


class Fault(NamedTuple):
    """One way in which a study is bad."""

    cells: Cells
    status: str
    reason: str


FAULTS = (
    Fault({"images": "nowhere.jpg", "views": "PA"}, "set aside", "no such file"),
    Fault({"images": "cut.jpg", "views": "PA"}, "set aside", "damaged or cut short"),
    Fault({"images": "text.png", "views": "PA"}, "set aside", "not a JPEG, PNG or DICOM file"),
    Fault({"temperature_f": "37.2"}, "set aside", "column 'temperature_f'.*Celsius"),
    Fault({"heart_rate_bpm": "fast"}, "set aside", "column 'heart_rate_bpm': 'fast'"),
    Fault({"views": "PA;SIDEWAYS"}, "set aside", "column 'views': 'SIDEWAYS'"),
    Fault({"views": "PA"}, "set aside", "1 view of 2 images"),
    Fault({"images": "", "views": ""}, "refused", "not enough to go on: no image"),
    Fault({"images": "blank.png", "views": "PA"}, "refused", "not enough to go on.*no contrast"),
    Fault({"study_id": "twice"}, "set aside", "'twice' is in several rows"),
    Fault({"study_id": "twice"}, "set aside", "'twice' is in several rows"),
)


def write_trial(folder: Path, good: int, bad: int) -> dict[str, Fault]:
    """Write a table of studies of two images each, and the images.

    Returns:
        What is wrong with each bad study, by id.
    """
    rows, wrong = [_good(folder, n) for n in range(good)], {}
    for number, fault in enumerate(islice(cycle(FAULTS), bad)):
        cells = _good(folder, number % max(good, 1)) | {"study_id": f"bad{number}"} | fault.cells
        wrong[cells["study_id"]] = fault
        rows.append(cells)
    saved(folder / "text.png", b"no image")
    saved(folder / "blank.png", encoded(Image.new("L", (64, 64), 7), "PNG"))
    saved(folder / "cut.jpg", encoded(Image.fromarray(picture()), "JPEG")[:400])
    order = np.random.default_rng(0).permutation(len(rows))
    with (folder / TABLE).open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0]])
        table.writeheader()
        table.writerows(rows[place] for place in order)
    return wrong


def _good(folder: Path, number: int) -> Cells:
    names = [f"{number}_{view}.jpg" for view in ("pa", "ll")]
    for place, name in enumerate(names):
        if not (folder / name).exists():
            image = Image.fromarray(picture(seed=2 * number + place))
            saved(folder / name, encoded(image, "JPEG", quality=90))
    return {
        "study_id": f"s{number}",
        "images": ";".join(names),
        "views": "PA;LL",
        "indication": "Cough, fever // ?PNA" if number % 3 else "",
        "temperature_f": f"{98 + number % 4}.6" if number % 2 else "",
        "heart_rate_bpm": str(70 + number % 30),
        "gender": "FM"[number % 2],
    }


if __name__ == "__main__":
    found = write_trial(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(len(found), "bad ids")  # noqa: T201 - for the one who runs it
