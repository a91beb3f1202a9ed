"""The clinical indication of every study, read from its report."""

import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pyarrow as pa

from camchex.errors import DataError
from camchex.progress import progress
from camchex.reports.cleaning import clean_indication
from camchex.reports.findings import reads_like_findings
from camchex.reports.params import IndicationParams
from camchex.reports.sections import split_sections
from camchex.schemas import INDICATIONS
from camchex.small_cells import Counts, percentiles

OUTCOMES = (
    "indication",  # the next three: where the text came from
    "history",
    "both",
    "no_section",  # the report has none of the sections used, or they are empty
    "deidentified_only",  # they hold nothing but ``___`` and punctuation
    "overridden",  # the report is one of study_overrides.csv
    "report_missing",
)
BATCH = 500  # reports a thread reads at a time


@dataclass(frozen=True)
class Indication:
    """The indication of one study: a row of ``schemas.INDICATIONS``, and one of ``OUTCOMES``."""

    study_id: str
    outcome: str
    indication_raw: str | None = None
    indication: str | None = None
    source_section: str | None = None
    findings_suspected: bool = False


def extract_indications(
    studies: pa.Table, reports_root: Path, params: IndicationParams, workers: int
) -> tuple[pa.Table, Counts]:
    """Read every study's report and keep its cleaned indication.

    Args:
        studies: ``schemas.STUDIES``.
        reports_root: The folder that holds ``files/p10/p10000032/s50414267.txt``.
        params: Which sections, by which rules, how clean.
        workers: Threads; they change nothing but the time it takes.

    Returns:
        ``schemas.INDICATIONS``, one row per study, and counts: studies by outcome, how many texts
        read like findings, and percentiles of their length in words.

    Raises:
        DataError: If none of the studies has a report, or a report is not UTF-8.
    """
    ids = studies.select(["study_id", "patient_id"])
    batches = [ids.slice(i, BATCH).to_pylist() for i in range(0, ids.num_rows, BATCH)]

    def read(batch: list[dict[str, str]]) -> list[Indication]:
        return [
            read_indication(row["study_id"], report_path(reports_root, row), params)
            for row in batch
        ]

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        done = progress(pool.map(read, batches), "Reports", total=len(batches))
        found = sorted((one for batch in done for one in batch), key=lambda one: one.study_id)
    if found and all(one.outcome == "report_missing" for one in found):
        raise DataError(
            f"{reports_root}: not one report of {len(found)} studies is here. Expected for example "
            f"{_example(reports_root, studies)}. Set data.root and data.reports in params.yaml."
        )
    return _table(found), _counts(found)


def report_path(reports_root: Path, study: dict[str, str]) -> Path:
    """Path of a study's report; the first folder is the start of the patient's."""
    patient = f"p{study['patient_id']}"
    return reports_root / "files" / patient[:3] / patient / f"s{study['study_id']}.txt"


def read_indication(study_id: str, report: Path, params: IndicationParams) -> Indication:
    """Read one report and keep its cleaned indication.

    Where a report has several sections of a name, the last counts, as in the released code. The
    texts of ``params.use`` are cleaned one by one and joined in that order by a space.

    A report in ``study_overrides.csv`` gives no indication. In these, the reader found the
    conclusion in a section of another name, or in a range of characters, so that a section named
    indication may hold it.

    Raises:
        DataError: If the report is not UTF-8.

    Source:
        The studies are ``custom_section_names`` and ``custom_indices`` of MIT-LCP/mimic-cxr,
        ``txt/section_parser.py``; the released code drops the indication of the same studies.
    """
    text = _read(report)
    if text is None:
        return Indication(study_id, "report_missing")
    if study_id in _overridden():
        return Indication(study_id, "overridden")
    last = {s.name: s.text for s in split_sections(text, params.sections)}
    written = {name: last[name] for name in params.use if last.get(name, "").strip()}
    if not written:
        return Indication(study_id, "no_section")
    raw = "\n".join(written.values())
    cleaned = {n: clean_indication(section, params.cleaner) for n, section in written.items()}
    kept = {name: section for name, section in cleaned.items() if section is not None}
    if not kept:
        return Indication(study_id, "deidentified_only", raw)
    source = "both" if len(kept) > 1 else next(iter(kept))
    return Indication(
        study_id, source, raw, " ".join(kept.values()), source, reads_like_findings(raw)
    )


def _read(report: Path) -> str | None:
    """The report without newline translation, or None where there is no such file."""
    try:
        return report.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{report}: byte {error.start} is not UTF-8, as every published report is. "
            "Download the file again."
        ) from error


@cache
def _overridden() -> frozenset[str]:
    with files("camchex.reports").joinpath("study_overrides.csv").open() as file:
        return frozenset(row["study_id"] for row in csv.DictReader(file))


def _example(reports_root: Path, studies: pa.Table) -> str:
    return str(report_path(reports_root, studies.slice(0, 1).to_pylist()[0]))


def _table(found: list[Indication]) -> pa.Table:
    columns = {n: [getattr(one, n) for one in found] for n in INDICATIONS.names}
    return pa.table(columns, schema=INDICATIONS)


def _counts(found: list[Indication]) -> Counts:
    outcomes = Counter(one.outcome for one in found)
    texts = [one.indication for one in found if one.indication is not None]
    return {
        "studies": len(found),
        "outcomes": {name: outcomes[name] for name in OUTCOMES},
        "findings_suspected": sum(one.findings_suspected for one in found),
        "words": percentiles([len(text.split()) for text in texts]),
    }
