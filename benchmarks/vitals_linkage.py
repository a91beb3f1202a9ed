"""Seconds from MIMIC-IV-ED's files to the vital signs of every study of MIMIC-CXR, at full size.

The baseline is the same rule in pandas: ``read_csv`` of the columns needed, ``merge``, ``groupby``,
no loop over rows. Each route runs in a process of its own, and both must give the same table. The
files are invented (``ed_tables.py``). ``make bench-data`` runs it, with a pandas that the pipeline
itself does without.
"""

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc
import pyarrow.parquet as pq
from ed_tables import CHARTED, STAYS, STUDY_COUNT, write_all
from record import Comparison, record, run

from camchex.contract import schemas, tables
from camchex.sources.mimic import mimic_iv_ed
from camchex.vitals.link import link_and_count
from camchex.vitals.params import VitalRanges, VitalsParams

RULE = VitalsParams(
    rule="within_stay",
    hours_before=2,
    hours_after=2,
    visit_gap_hours=1,
    ranges=VitalRanges(
        temperature_f=(77, 113),
        heart_rate_bpm=(20, 300),
        respiratory_rate_bpm=(4, 80),
        o2_saturation_pct=(50, 100),
        systolic_bp_mmhg=(40, 300),
        diastolic_bp_mmhg=(20, 200),
    ),
)
FILES = ("edstays.csv.gz", "triage.csv.gz", "vitalsign.csv.gz")
GIB = 2**30
RUNS = 3
Route = Callable[[Path, Path], None]


def ours(folder: Path, out: Path) -> None:
    """What the stage ``link_vitals`` does."""
    studies = tables.read(folder / "studies.parquet", schemas.STUDIES)
    ed = mimic_iv_ed.read_ed(*(folder / name for name in FILES), studies)
    tables.write(link_and_count(studies, *ed, RULE)[0], out, schemas.VITALS)


def with_pandas(folder: Path, out: Path, engine: str = "c") -> None:
    """The same, without counts and without a look at what stands in the files."""
    from ed_pandas import link_with_pandas  # only the baseline imports pandas

    tables.write(link_with_pandas(folder, RULE, engine), out, schemas.VITALS)


def with_pandas_and_arrow(folder: Path, out: Path) -> None:
    """The same, parsed by Arrow's reader of CSV."""
    with_pandas(folder, out, "pyarrow")


def measure(route: Route, folder: Path, out: Path) -> tuple[float, float]:
    """Seconds, and the process's peak memory in GiB."""
    import_module("pandas")  # Arrow would, in the middle of either route: imports do not count
    start = time.perf_counter()
    route(folder, out)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def best_of(route: Route, folder: Path, out: Path) -> tuple[float, float]:
    """The fastest of several runs, each in a fresh process, and the largest peak."""
    results = []
    for _ in range(RUNS):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            results.append(pool.submit(measure, route, folder, out).result())
    return min(seconds for seconds, _ in results), max(peak for _, peak in results)


def main() -> None:
    """Time all three."""
    if find_spec("pandas") is None:
        sys.exit("The baseline needs pandas: pip install -c constraints.txt -e '.[benchmark]'")
    baselines = {"pandas": with_pandas, "pandas, engine='pyarrow'": with_pandas_and_arrow}
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_all(folder)
        seconds, peak = best_of(ours, folder, folder / "ours.parquet")
        vitals = pq.read_table(folder / "ours.parquet")
        rows = []
        for baseline, route in baselines.items():
            slower, more = best_of(route, folder, folder / "theirs.parquet")
            expected = pq.read_table(folder / "theirs.parquet")
            for column in schemas.VITALS.names:
                assert vitals[column].equals(expected[column]), (baseline, column)
            what = "MIMIC-IV-ED's csv.gz to vitals.parquet"
            rows += [
                Comparison(what, "s", seconds, baseline, slower, slower / seconds),
                Comparison("the same", "GiB at peak", peak, baseline, more, more / peak),
            ]
    linked = vitals.num_rows - vitals["stay_id"].null_count
    chained = pc.sum(pc.not_equal(vitals["heart_rate_bpm_stay_id"], vitals["stay_id"])).as_py()
    notes = {"studies": STUDY_COUNT, "linked": linked, "heart rates through a chain": chained}
    notes |= {"stays": STAYS, "charted rows": CHARTED}
    record("vitals_linkage", rows, notes | {"equal, row by row": True, "best of": RUNS})


if __name__ == "__main__":
    run(main, __doc__)
