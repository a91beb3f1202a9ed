"""Seconds to read the indications of all reports of MIMIC-CXR, from a folder and from archives.

The baseline is the same rule in one process, one report after the other, on the same reports; all
is scaled to the number of reports that MIMIC-CXR has. Run it as ``python benchmarks/reports.py``.
"""

import os
import resource
import shutil
import tarfile
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from record import Comparison, record, run

from camchex.contract import schemas
from camchex.reports.files import report_names
from camchex.reports.indications import extract_indications
from camchex.texts.params import IndicationParams

PUBLISHED, GENERATED = 227_835, 60_000  # reports
PATIENTS = 17_000  # 3.5 reports each, as in MIMIC-CXR
RULES = IndicationParams(sections="corrected", use=("indication", "history"), cleaner="released")
REQUESTS = (
    "___ year old man with dyspnea, s/p CABG  // r/o ptx, eval for edema",
    "___F with new onset ascites  // eval for infection",
    "Cough and fever for ___ days, history of asthma.  // pneumonia?",
)
SENTENCES = (
    "The cardiomediastinal and hilar contours are within normal limits.",
    "There is no focal consolidation, pleural effusion or pneumothorax.",
    "Right internal jugular central venous catheter ends in the mid superior vena cava.",
    "Lung volumes are low, with bibasilar opacities that most likely represent atelectasis.",
    "Compared with the prior radiograph of ___, mild pulmonary edema has improved.",
    "No acute osseous abnormality is identified.",
)


def report(rng: np.random.Generator) -> str:
    """A report in the layout of MIMIC-CXR."""
    request = rng.choice(("INDICATION", "INDICATION", "HISTORY", "REASON FOR EXAM"))
    sections = {
        "EXAMINATION": "CHEST (PA AND LAT)",
        request: rng.choice(REQUESTS),
        "TECHNIQUE": "Chest PA and lateral",
        "COMPARISON": "___",
        "FINDINGS": " ".join(rng.choice(SENTENCES, rng.integers(4, 15))),
        "IMPRESSION": " ".join(rng.choice(SENTENCES, rng.integers(1, 5))),
    }
    body = "".join(f" {name}:  {_wrapped(text)}\n \n" for name, text in sections.items())
    return f"{' ' * 33}FINAL REPORT\n{body}"


def _wrapped(text: str) -> str:
    words = text.split(" ")
    return "\n ".join(" ".join(words[i : i + 11]) for i in range(0, len(words), 11))


def studies() -> pa.Table:
    """As many as are generated, of patients spread as in MIMIC-CXR over p10 to p19."""
    patients = np.random.default_rng(0).integers(10_000_000, 20_000_000, PATIENTS)
    columns = {
        "study_id": [str(50_000_000 + n) for n in range(GENERATED)],
        "patient_id": [str(patients[n % PATIENTS]) for n in range(GENERATED)],
        "study_time": [datetime(2150, 1, 1)] * GENERATED,
        "split": ["train"] * GENERATED,
    }
    return pa.table(columns, schema=schemas.STUDIES)


def write(root: Path, names: list[str]) -> list[int]:
    """Write a report under every name; returns their lengths."""
    rng, lengths = np.random.default_rng(0), []
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = report(rng)
        path.write_text(text)
        lengths.append(len(text))
    return lengths


def pack(root: Path) -> Path:
    """A compressed tar file as GNU tar writes it; Python's own format doubles the headers."""
    archive = root.with_name("reports.tar.gz")
    with tarfile.open(archive, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        tar.add(root / "files", "files")
    return archive


def timed(wanted: pa.Table, reports: Path, workers: int) -> tuple[float, pa.Table]:
    """Seconds that all reports would take, and the indications of those there are."""
    start = time.perf_counter()
    indications, _ = extract_indications(wanted, reports, RULES, workers)
    return (time.perf_counter() - start) * PUBLISHED / GENERATED, indications


def compare(root: Path, wanted: pa.Table, workers: int) -> list[Comparison]:
    """Every way to read the reports against one process; all give the same table."""
    zipped = Path(shutil.make_archive(str(root), "zip", root))
    sources = {"folder": root, "zip": zipped, "tar.gz": pack(root)}
    timed(wanted, root, workers=0)  # from here on the system remembers the files
    baseline, expected = timed(wanted, root, workers=0)
    comparisons = []
    for name, source in sources.items():
        seconds, indications = timed(wanted, source, workers)
        assert indications.equals(expected)
        what = f"{PUBLISHED:,} reports, {name}, {workers} processes"
        ratio = baseline / seconds
        comparisons.append(Comparison(what, "s", seconds, "the folder, 1 process", baseline, ratio))
    return comparisons


def main() -> None:
    """Time every way to read them."""
    wanted = studies()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "reports"
        lengths = write(root, report_names(wanted))
        comparisons = compare(root, wanted, os.cpu_count() or 1)
    peak = {
        who: round(resource.getrusage(number).ru_maxrss / 1024)  # kilobytes on Linux
        for who, number in (("main", resource.RUSAGE_SELF), ("worker", resource.RUSAGE_CHILDREN))
    }
    notes = {
        "reports generated": GENERATED,
        "scaled by": round(PUBLISHED / GENERATED, 2),
        "characters of a report, median": float(np.median(lengths)),
        "peak memory of the main process, MB": peak["main"],
        "peak memory of the largest worker, MB": peak["worker"],
        "load of the machine, mean of the last five minutes": round(os.getloadavg()[1], 1),
    }
    record("reports", comparisons, notes)


if __name__ == "__main__":
    run(main, __doc__)
