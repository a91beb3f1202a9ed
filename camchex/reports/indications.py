"""The clinical indication of every study, read from the report of the study."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from camchex.aggregates.small_cells import Counts, percentiles
from camchex.contract.schemas import INDICATIONS
from camchex.errors import DataError
from camchex.reports.files import Batch, Report, report_batches, report_names
from camchex.reports.findings import reads_like_findings
from camchex.reports.overrides import study_overrides
from camchex.reports.sections import Section, split_sections
from camchex.runs.processes import in_processes
from camchex.runs.progress import progress
from camchex.texts.cleaning import clean_indication
from camchex.texts.params import IndicationParams, SectionRules

OUTCOMES = (
    "indication",  # the next three: where the text came from
    "history",
    "both",
    "no_section",  # the report has none of the sections used, or they are empty
    "deidentified_only",  # the sections hold nothing but ``___`` and punctuation
    "overridden",  # the report is one of study_overrides.csv, and no section is left
    "report_missing",
)
BATCH = 500  # reports that a process reads at a time: about 0.1 s
FOUND = INDICATIONS.append(pa.field("outcome", pa.string(), nullable=False))


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
    studies: pa.Table, reports: Path, params: IndicationParams, workers: int
) -> tuple[pa.Table, Counts]:
    """Read every study's report and keep its cleaned indication.

    Args:
        studies: ``schemas.STUDIES``.
        reports: The folder that holds ``files``, or a ``.zip`` or ``.tar.gz`` of it.
        params: Which sections, by which rules, how clean.
        workers: Processes that read; with 0 this process reads. The result is the same.

    Returns:
        ``schemas.INDICATIONS``, one row per study, and counts: studies by outcome, texts that read
        like findings, and percentiles of the length in words.

    Raises:
        DataError: If none of the studies has a report, a report is not UTF-8, an archive is
            damaged, or a process was killed.
    """
    batches = report_batches(reports, studies, BATCH)
    done = in_processes(partial(_read_batch, params=params), batches, workers, "reads reports")
    done = progress(done, "Reports", total=-(-studies.num_rows // BATCH))
    found = pa.Table.from_batches(done, FOUND).sort_by("study_id").combine_chunks()
    outcomes = Counter(found["outcome"].to_pylist())
    if found.num_rows and outcomes["report_missing"] == found.num_rows:
        raise DataError(
            f"{reports}: not one report of {found.num_rows} studies is here. Expected for example "
            f"{reports / report_names(studies.slice(0, 1))[0]}. "
            "Set data.root and data.reports in params.yaml."
        )
    texts = found["indication"].drop_null().to_pylist()
    return found.select(INDICATIONS.names), {
        "studies": found.num_rows,
        "outcomes": {name: outcomes[name] for name in OUTCOMES},
        "findings_suspected": sum(found["findings_suspected"].to_pylist()),
        "words": percentiles([len(text.split()) for text in texts]),
    }


def _read_batch(batch: Batch, params: IndicationParams) -> pa.RecordBatch:
    found = [read_indication(report, params) for report in batch()]
    columns = [pa.array([getattr(one, f.name) for one in found], f.type) for f in FOUND]
    return pa.record_batch(columns, schema=FOUND)


def read_indication(report: Report, params: IndicationParams) -> Indication:
    """Find the indication in one report and clean it.

    The texts of ``params.use`` are cleaned one by one and joined in that order by a space.

    By the ``reference`` rules, the last of several sections of a name counts, and a report in
    ``study_overrides.csv`` gives no indication, as in the released code. The ``corrected`` rules
    mend both. The last section counts that is not blank and does not read like findings; if all
    do, the last of them. Of a report in ``study_overrides.csv`` they drop only the section that
    holds the conclusion, or all from the first character of the conclusion on.

    Raises:
        DataError: If the report is not UTF-8.
    """
    if report.content is None:
        return Indication(report.study_id, "report_missing")
    override = study_overrides().get(report.study_id)
    if override and params.sections == "reference":
        return Indication(report.study_id, "overridden")
    try:
        text = report.content.decode("utf-8")  # line ends as they are written
    except UnicodeDecodeError as error:
        raise DataError(
            f"{report.path}: byte {error.start} is not UTF-8, as every published report is. "
            "Download the file again."
        ) from error
    if override:
        text = override.before_conclusion(text)
    sections = split_sections(text, params.sections)
    if override:
        sections = [section for section in sections if section.name != override.section]
    found = {name: _text_of(sections, name, params.sections) for name in params.use}
    written = {name: section for name, section in found.items() if section.strip()}
    if not written:
        return Indication(report.study_id, "overridden" if override else "no_section")
    raw = "\n".join(written.values())
    cleaned = {n: clean_indication(section, params.cleaner) for n, section in written.items()}
    kept = {name: section for name, section in cleaned.items() if section is not None}
    if not kept:
        return Indication(report.study_id, "deidentified_only", raw)
    source = "both" if len(kept) > 1 else next(iter(kept))
    return Indication(
        report.study_id, source, raw, " ".join(kept.values()), source, reads_like_findings(raw)
    )


def _text_of(sections: Sequence[Section], name: str, rules: SectionRules) -> str:
    """Return the text of the section of a name that counts; empty where there is none."""
    texts = [section.text for section in sections if section.name == name]
    if rules == "corrected":
        texts = [text for text in texts if text.strip()]
        texts = [text for text in texts if not reads_like_findings(text)] or texts
    return texts[-1] if texts else ""
