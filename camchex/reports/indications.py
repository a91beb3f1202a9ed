"""The clinical indication of every study, read from the report of the study."""

import codecs
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from camchex.aggregates.small_cells import Counts, percentiles
from camchex.contract.rules import LEAST_SHARE
from camchex.contract.schemas import INDICATIONS
from camchex.errors import DataError
from camchex.reports.files import Batch, Report, report_batches, report_names
from camchex.reports.findings import findings_suspected, reads_like_findings
from camchex.reports.headers import REQUESTS, known_sections
from camchex.reports.overrides import study_overrides
from camchex.reports.sections import UNHEADED, Section, split_sections
from camchex.runs.processes import in_processes
from camchex.runs.progress import progress
from camchex.texts.cleaning import INVISIBLE, clean_indication
from camchex.texts.params import IndicationParams, SectionRules

OUTCOMES = (
    "indication",  # the next three: where the text came from
    "history",
    "both",
    "no_section",  # the report has none of the sections used, or they are empty
    "deidentified_only",  # the sections hold nothing but ``___`` and punctuation
    "overridden",  # the report is one of study_overrides.csv, and no section is left
    "report_empty",  # the file holds nothing but white space
    "report_missing",
)
HAVING_SECTIONS = ("indication", "history", "both", "deidentified_only", "overridden")
UNHEADED_SHARE = 0.1
"""Share of the reports without any known header above which their form is doubtful (ours)."""
HALF = 0.5
"""Share of the studies without a report, or of the reports without a section that is used, above
which the stage warns (ours). Of MIMIC's reports 33 % have no header INDICATION."""
OTHER_RULES = "indications.sections: any (params.yaml) also knows headers of other hospitals."
ADVICE: Mapping[SectionRules, str] = {
    "reference": OTHER_RULES,
    "corrected": OTHER_RULES,
    "any": "Look at one: an indication is found below a header such as INDICATION.",
}
MARKS = {  # the longer first: UTF-32 begins as UTF-16 does
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
SAVE_AS_UTF_8 = "Save the file as UTF-8, or download it again."
BATCH = 500  # reports that a process reads at a time: about 0.1 s
FOUND = pa.unify_schemas(
    [
        INDICATIONS,
        pa.schema(
            [
                pa.field("outcome", pa.string(), nullable=False),
                pa.field("findings_cut", pa.bool_(), nullable=False),
                pa.field("unknown_header_cut", pa.bool_(), nullable=False),
                pa.field("invisible_characters", pa.bool_(), nullable=False),
                pa.field("known_header", pa.bool_(), nullable=False),
            ]
        ),
    ]
)


@dataclass(frozen=True)
class Indication:
    """The indication of one study: a row of ``schemas.INDICATIONS``, and how it was found.

    Attributes:
        outcome: One of ``OUTCOMES``.
        findings_cut: Whether an indication or history ends where this project's own rules see
            findings, another section or an examination, and the parser sees nothing.
        unknown_header_cut: Whether one ends at a header that is in no table of names, so that the
            text behind it is of no section (``PMH: COPD``).
        invisible_characters: Whether the report holds characters that nobody sees.
        known_header: Whether the report has any header that is known by name.
    """

    study_id: str
    outcome: str
    indication_raw: str | None = None
    indication: str | None = None
    source_section: str | None = None
    findings_suspected: bool = False
    findings_cut: bool = False
    unknown_header_cut: bool = False
    invisible_characters: bool = False
    known_header: bool = False


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
        ``schemas.INDICATIONS``, one row per study, and counts: studies by outcome, texts that seem
        to hold findings, texts that were cut, reports with invisible characters or without any
        known header, and percentiles of the length in words; with a warning, which is also printed,
        if many reports are missing, have no section that is used, or a form that is not known.

    Raises:
        DataError: If none of the studies has a report, or none of the reports a section of
            ``params.use``; if a report is not UTF-8 text, an archive is damaged, or a process was
            killed.
    """
    batches = report_batches(reports, studies, BATCH)
    done = in_processes(partial(_read_batch, params=params), batches, workers, "reads reports")
    done = progress(done, "Reports", total=-(-studies.num_rows // BATCH))
    found = pa.Table.from_batches(done, FOUND).sort_by("study_id").combine_chunks()
    outcomes = Counter(found["outcome"].to_pylist())
    _require_sections(outcomes, reports, studies, params)
    texts = found["indication"].drop_null().to_pylist()
    written = found.num_rows - outcomes["report_missing"] - outcomes["report_empty"]
    unheaded = written - sum(found["known_header"].to_pylist())
    counts: Counts = {
        "studies": found.num_rows,
        "outcomes": {name: outcomes[name] for name in OUTCOMES},
        "findings_suspected": sum(found["findings_suspected"].to_pylist()),
        "findings_cut": sum(found["findings_cut"].to_pylist()),
        "unknown_header_cut": sum(found["unknown_header_cut"].to_pylist()),
        "invisible_characters": sum(found["invisible_characters"].to_pylist()),
        "reports_without_known_header": unheaded,
        "words": percentiles([len(text.split()) for text in texts]),
    }
    warnings = {
        "More than half of the studies have no report, or an empty one. Are data.root and "
        "data.reports (params.yaml) those of this cohort?": found.num_rows - written
        > HALF * found.num_rows,
        f"More than {UNHEADED_SHARE:.0%} of the reports have no header that is known. "
        f"{ADVICE[params.sections]}": unheaded > UNHEADED_SHARE * written,
        f"More than half of the reports have no section {' or '.join(params.use)}. "
        f"{ADVICE[params.sections]}": outcomes["no_section"] > HALF * written,
    }
    if warning := " ".join(text for text, applies in warnings.items() if applies):
        Console(stderr=True, soft_wrap=True).print(f"warning: {reports}: {warning}", markup=False)
        counts = {**counts, "warning": warning}
    return found.select(INDICATIONS.names), counts


def _require_sections(
    outcomes: Counter[str], reports: Path, studies: pa.Table, params: IndicationParams
) -> None:
    """Refuse reports of which (almost) none is there, or gives a section: all must be wrong."""
    there = studies.num_rows - outcomes["report_missing"]
    if there < LEAST_SHARE * studies.num_rows:
        example = reports / report_names(studies.slice(0, 1))[0]
        raise DataError(
            f"{reports}: {there or 'not one'} report of {studies.num_rows} studies is here. "
            f"Expected for example {example}. Set data.root and data.reports in params.yaml."
        )
    useful = sum(outcomes[name] for name in HAVING_SECTIONS)
    if useful < LEAST_SHARE * there:
        raise DataError(
            f"{reports}: {useful or 'not one'} of {there} reports has a section "
            f"{' or '.join(params.use)} ({outcomes['report_empty']} are empty), as "
            f"indications.use of params.yaml asks for. {ADVICE[params.sections]}"
        )


def _read_batch(batch: Batch, params: IndicationParams) -> pa.RecordBatch:
    found = [read_indication(report, params) for report in batch()]
    columns = [pa.array([getattr(one, f.name) for one in found], f.type) for f in FOUND]
    return pa.record_batch(columns, schema=FOUND)


def read_indication(report: Report, params: IndicationParams) -> Indication:
    """Find the indication in one report and clean it.

    The texts of ``params.use`` are cleaned one by one and joined in that order by a space.

    By the ``reference`` rules, the last of several sections of a name counts, and a report in
    ``study_overrides.csv`` gives no indication, as in the released code. The ``corrected`` rules,
    and ``any``, mend both. The last section counts that is not blank and does not read like
    findings; if all do, the last of them. Of a report in ``study_overrides.csv`` they drop only the
    section that holds the conclusion, or all from the first character of the conclusion on. These
    rules have cut off the findings that they can tell; what is left is flagged if it reads like
    findings. By the ``reference`` rules nothing is cut off, and both are flagged.

    Raises:
        DataError: If the report is not UTF-8 text, or holds a NUL byte.
    """
    if report.content is None:
        return Indication(report.study_id, "report_missing")
    written_as = _text(report)
    text = written_as if params.sections == "reference" else INVISIBLE.sub("", written_as)
    if not text.strip():
        return Indication(report.study_id, "report_empty")
    override = study_overrides().get(report.study_id)
    if override and params.sections == "reference":
        return Indication(report.study_id, "overridden", known_header=True)
    if override:
        text = override.before_conclusion(text)
    sections = split_sections(text, params.sections)
    indication = partial(
        Indication,
        report.study_id,
        findings_cut=any(section.cut for section in sections),
        unknown_header_cut=any(
            one.name in REQUESTS and _is_unknown(following) for one, following in pairwise(sections)
        ),
        invisible_characters=INVISIBLE.search(written_as) is not None,
        known_header=any(section.name in known_sections() for section in sections),
    )
    if override:
        sections = [section for section in sections if section.name != override.section]
    found = {name: _text_of(sections, name, params.sections) for name in params.use}
    written = {name: section for name, section in found.items() if section.strip()}
    if not written:
        return indication("overridden" if override else "no_section")
    raw = "\n".join(written.values())
    cleaned = {n: clean_indication(section, params.cleaner) for n, section in written.items()}
    kept = {name: section for name, section in cleaned.items() if section is not None}
    if not kept:
        return indication("deidentified_only", raw)
    suspected = findings_suspected if params.sections == "reference" else reads_like_findings
    source = "both" if len(kept) > 1 else next(iter(kept))
    return indication(source, raw, " ".join(kept.values()), source, suspected(raw))


def _is_unknown(section: Section) -> bool:
    """Whether a section that holds text has a header that is in no table of names."""
    known = section.name in (*known_sections(), UNHEADED, "last_paragraph")
    return bool(section.text.strip()) and not known


def _text(report: Report) -> str:
    """Decode a report; line ends stay as they are written."""
    content = report.content or b""
    for marks, encoding in MARKS.items():
        if content.startswith(marks):
            raise DataError(f"{report.path}: {encoding}, not UTF-8. {SAVE_AS_UTF_8}")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise DataError(f"{report.path}, line {line}: a NUL byte, as in UTF-16. {SAVE_AS_UTF_8}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{report.path}: byte {error.start} is not UTF-8, as every published report is. "
            f"{SAVE_AS_UTF_8}"
        ) from error


def _text_of(sections: Sequence[Section], name: str, rules: SectionRules) -> str:
    """Return the text of the section of a name that counts; empty where there is none."""
    texts = [section.text for section in sections if section.name == name]
    if rules != "reference":
        texts = [text for text in texts if text.strip()]
        texts = [text for text in texts if not reads_like_findings(text)] or texts
    return texts[-1] if texts else ""
