"""The indication of a study: where it is taken from, and what is counted when there is none."""

import csv
import re
import time
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from camchex import clean_indication, split_sections
from camchex.contract import params
from camchex.contract.schemas import INDICATIONS, STUDIES
from camchex.errors import DataError, ParamsError
from camchex.reports import indications
from camchex.reports.files import Report
from camchex.reports.findings import reads_like_findings
from camchex.reports.indications import (
    OUTCOMES,
    Indication,
    extract_indications,
    read_indication,
)
from camchex.reports.overrides import study_overrides
from camchex.texts.params import IndicationParams
from tests.runs.forked import fork_processes

PATIENT = "10000032"
RELEASED = IndicationParams(sections="corrected", use=("indication", "history"), cleaner="released")
REFERENCE = RELEASED.model_copy(update={"sections": "reference"})
ANY = RELEASED.model_copy(update={"sections": "any"})


def studies(*ids: str) -> pa.Table:
    rows = [
        {"study_id": i, "patient_id": PATIENT, "study_time": datetime(2150, 1, 1), "split": "train"}
        for i in ids
    ]
    return pa.Table.from_pylist(rows, schema=STUDIES)


def found_in(
    text: str, study_id: str = "50000001", rules: IndicationParams = RELEASED
) -> Indication:
    return read_indication(Report(study_id, f"s{study_id}.txt", text.encode()), rules)


def write(root: Path, study_id: str, text: str) -> Path:
    path = root / "files" / "p10" / f"p{PATIENT}" / f"s{study_id}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def report(**sections: str) -> str:
    body = "".join(f" {name}:  {text}\n \n" for name, text in sections.items())
    return f"          FINAL REPORT\n{body} IMPRESSION: \n \n Clear.\n"


def row(root: Path, text: str, rules: IndicationParams = RELEASED) -> dict[str, object]:
    write(root, "50000001", text)
    table, _ = extract_indications(studies("50000001"), root, rules, workers=0)
    return table.to_pylist()[0]


def test_indication_and_history_are_cleaned_one_by_one_and_joined(tmp_path: Path) -> None:
    found = row(tmp_path, report(HISTORY="Smoker", INDICATION="Cough"))
    assert found["indication"] == "cough . smoker ."
    assert found["source_section"] == "both"
    assert found["indication_raw"] == " Cough\n \n Smoker\n "


def test_only_the_sections_asked_for_are_used(tmp_path: Path) -> None:
    rules = RELEASED.model_copy(update={"use": ("history",)})
    found = row(tmp_path, report(HISTORY="Smoker", INDICATION="Cough"), rules)
    assert (found["indication"], found["source_section"]) == ("smoker .", "history")


@pytest.mark.parametrize("rules", [RELEASED, REFERENCE])
def test_the_last_section_of_a_name_counts(rules: IndicationParams) -> None:
    text = "\n INDICATION: Cough\n HISTORY: Smoker\n REASON FOR EXAM: Fever\n IMPRESSION: Clear."
    assert found_in(text, rules=rules).indication == "fever . smoker ."


@pytest.mark.parametrize(
    ("later", "corrected", "reference"),
    [
        (" ", "cough .", None),
        ("There is an effusion.", "cough .", "there is an effusion ."),
    ],
)
def test_corrected_the_last_that_is_neither_blank_nor_findings_counts(
    later: str, corrected: str, reference: str | None
) -> None:
    text = f"\n INDICATION: Cough\n REASON FOR EXAM: {later}\n IMPRESSION: Clear."
    assert found_in(text).indication == corrected
    assert found_in(text, rules=REFERENCE).indication == reference


def test_findings_under_every_indication_are_kept_and_flagged() -> None:
    text = "\n INDICATION: No effusion.\n INDICATION: Lines unchanged.\n IMPRESSION: Clear."
    found = found_in(text)
    assert (found.indication, found.findings_suspected) == ("lines unchanged .", True)


def test_a_section_that_is_only_deidentified_does_not_count(tmp_path: Path) -> None:
    found = row(tmp_path, report(INDICATION="___", HISTORY="Smoker"))
    assert (found["indication"], found["source_section"]) == ("smoker .", "history")


def test_an_indication_that_is_only_deidentified_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "50000001", report(INDICATION="___"))
    table, counts = extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)
    assert table["indication"].to_pylist() == [None]
    assert table["indication_raw"].to_pylist()[0].strip() == "___"
    assert counts["outcomes"]["deidentified_only"] == 1


def test_newlines_are_not_translated(tmp_path: Path) -> None:
    text = report(INDICATION="Cough").replace("\n", "\r\n")
    found = row(tmp_path, text)
    assert "\r\n" in found["indication_raw"]
    assert found["indication"] == "cough ."


@pytest.mark.parametrize("study", ["50743547", "50058765", "50196495", "50798377"])
def test_by_the_reference_a_report_whose_conclusion_stands_elsewhere_gives_no_indication(
    study: str,
) -> None:
    found = found_in(report(INDICATION="Cough"), study, REFERENCE)
    assert (found.outcome, found.indication_raw, found.indication) == ("overridden", None, None)


def test_corrected_only_the_section_that_holds_the_conclusion_is_dropped() -> None:
    text = report(INDICATION="Cough", HISTORY="Smoker", EXAMINATION="There is an effusion.")
    in_examination, in_indication, in_history = "50743547", "50058765", "51491012"
    assert found_in(text, in_examination).indication == "cough . smoker ."
    assert found_in(text, in_indication).indication == "smoker ."
    assert found_in(text, in_history).indication == "cough ."
    assert found_in(report(INDICATION="Cough"), in_indication).outcome == "overridden"


def test_corrected_the_range_of_the_conclusion_and_all_after_it_is_dropped() -> None:
    study, start = "54875119", 234  # characters 234 to 988
    text = "\n INDICATION: Cough".ljust(start) + "Heart big.\n HISTORY: Edema."
    assert found_in(text, study).indication == "cough ."


def test_corrected_a_report_without_any_conclusion_keeps_its_indication() -> None:
    text = "\n INDICATION: Cough\n \n COMPARISON: None\n"
    assert found_in(text, "50798377").indication == "cough ."  # its range is 0 to 0


def test_every_override_names_a_section_or_a_range() -> None:
    overrides = study_overrides().values()
    ranges = [o for o in overrides if o.section is None]
    assert (len(overrides), len(ranges)) == (54, 31)  # as published
    assert sum((o.start, o.end) == (0, 0) for o in ranges) == 8
    assert all(o.start is not None and o.start < o.end for o in ranges if o.end)


@pytest.mark.parametrize(
    ("text", "suspected"),
    [
        ("___F with cough  // eval for pneumonia", False),
        ("s/p chest tube removal, r/o pneumothorax, interval change", False),
        ("Cough. There is no\n pneumothorax.", True),
        ("No focal consolidation or effusion", True),
        ("Lines unchanged", True),
        ("word " * 61, True),
    ],
)
def test_findings_in_the_indication_are_flagged_not_removed(
    tmp_path: Path, text: str, *, suspected: bool
) -> None:
    found = row(tmp_path, report(INDICATION=text))
    assert found["findings_suspected"] is suspected
    assert found["indication"] is not None


def test_every_study_is_counted_once(tmp_path: Path) -> None:
    write(tmp_path, "50000003", report(INDICATION="Cough"))
    write(tmp_path, "50000001", report(HISTORY="There is a cough"))
    write(tmp_path, "50000002", report(TECHNIQUE="PA"))
    write(tmp_path, "50058765", report(INDICATION="Cough"))
    ids = ("50000003", "50000002", "50000001", "50000009", "50058765")
    table, counts = extract_indications(studies(*ids), tmp_path, RELEASED, workers=0)
    assert table.schema == INDICATIONS
    assert table["study_id"].to_pylist() == sorted(ids)
    assert counts["outcomes"] == dict.fromkeys(OUTCOMES, 0) | {
        "indication": 1,
        "history": 1,
        "no_section": 1,
        "overridden": 1,
        "report_missing": 1,
    }
    assert (counts["studies"], counts["findings_suspected"]) == (5, 1)


def test_a_folder_without_any_report_is_an_error_that_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"files/p10/p10000032/s50000001\.txt"):
        extract_indications(studies("50000001", "50000002"), tmp_path, RELEASED, workers=0)


def test_no_studies_are_no_error(tmp_path: Path) -> None:
    assert extract_indications(studies(), tmp_path, RELEASED, workers=0)[0].num_rows == 0


def test_a_report_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "50000001", "")
    path.write_bytes(b"\n INDICATION: 38\xb0C\n")
    with pytest.raises(DataError, match=r"s50000001\.txt: byte 16"):
        extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)


UTF_16 = "\n INDICATION: cough\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (UTF_16.encode("utf-16"), r"UTF-16, not UTF-8"),
        (b"\xfe\xff" + UTF_16.encode("utf-16-be"), r"UTF-16, not UTF-8"),
        (UTF_16.encode("utf-16-le"), r", line 2: a NUL byte, as in UTF-16"),
        (UTF_16.encode("utf-16-be"), r", line 1: a NUL byte"),
        (UTF_16.encode("utf-32"), r"UTF-32, not UTF-8"),
        (b"\0" * 100, r", line 1: a NUL byte"),
        (b"\n INDICATION: co\0ugh\n", r", line 2: a NUL byte"),
    ],
)
@pytest.mark.parametrize("rules", [RELEASED, REFERENCE])
def test_a_report_that_is_no_utf_8_text_is_refused_with_what_to_do(
    content: bytes, reason: str, rules: IndicationParams
) -> None:
    with pytest.raises(DataError, match=rf"^s1\.txt.*{reason}.*Save the file as UTF-8"):
        read_indication(Report("1", "s1.txt", content), rules)


def test_a_mark_of_utf_8_is_no_part_of_the_report() -> None:
    found = read_indication(Report("1", "s1.txt", b"\xef\xbb\xbfIndication: cough"), ANY)
    assert found.indication == "cough ."


@pytest.mark.parametrize("content", ["", " \n\t\n", "\ufeff"])
def test_an_empty_report_is_counted_and_all_of_them_are_refused(
    tmp_path: Path, content: str
) -> None:
    write(tmp_path, "50000001", content)
    with pytest.raises(DataError, match=r"not one of 1 reports has a section .*\(1 are empty\)"):
        extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)
    write(tmp_path, "50000002", report(INDICATION="Cough"))
    _, counts = extract_indications(studies("50000001", "50000002"), tmp_path, RELEASED, workers=0)
    assert counts["outcomes"]["report_empty"] == 1  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("rules", "advice"), [(RELEASED, r"sections: any"), (REFERENCE, r"any"), (ANY, r"Look at one")]
)
def test_reports_of_which_none_has_a_section_that_is_used_are_refused(
    tmp_path: Path, rules: IndicationParams, advice: str
) -> None:
    write(tmp_path, "50000001", "Dear colleague,\n thank you.")
    write(tmp_path, "50000002", report(TECHNIQUE="PA"))
    with pytest.raises(DataError, match=rf"not one of 2 .* indication or history .*{advice}"):
        extract_indications(studies("50000001", "50000002"), tmp_path, rules, workers=0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (report(INDICATION="Cough"), None, r"1 report of 21 studies is here"),
        (report(INDICATION="Cough"), report(TECHNIQUE="PA"), r"1 of 21 reports has a section"),
    ],
)
def test_a_cohort_of_which_almost_no_report_helps_is_refused(
    tmp_path: Path, one: str, other: str | None, expected: str
) -> None:
    names = [f"500000{n}" for n in range(10, 31)]
    for name in names[1:] if other else []:
        write(tmp_path, name, other)
    write(tmp_path, names[0], one)
    with pytest.raises(DataError, match=expected):
        extract_indications(studies(*names), tmp_path, RELEASED, workers=0)
    some = studies(*names[:20])  # a twentieth
    assert extract_indications(some, tmp_path, RELEASED, workers=0)[0].num_rows == 20


@pytest.mark.parametrize(("unheaded", "warned"), [(0, False), (1, False), (2, True)])
def test_many_reports_without_a_known_header_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unheaded: int, *, warned: bool
) -> None:
    ids = [str(50000000 + n) for n in range(12)]
    for number, study in enumerate(ids[1:]):  # one is missing
        write(tmp_path, study, "Dear all." if number < unheaded else report(INDICATION="Cough"))
    _, counts = extract_indications(studies(*ids), tmp_path, RELEASED, workers=0)
    assert counts["reports_without_known_header"] == unheaded
    assert ("warning" in counts) == warned
    assert ("More than 10% of the reports have no header" in capsys.readouterr().err) == warned


def test_reports_of_other_hospitals_are_read_by_any_rules(tmp_path: Path) -> None:
    forms = {
        "50000001": "Indication: cough\nFindings: Effusion.",
        "50000002": "REASON: cough\n\nREPORT: Effusion.",
        "50000003": "Clinical Details\ncough\n\nCHEST 2 VIEWS\nEffusion.",
        "50000004": "INDICATIONS: cough. FINDINGS: Effusion. IMPRESSION: Effusion.",
    }
    for study, text in forms.items():
        write(tmp_path, study, text)
    table, counts = extract_indications(studies(*forms), tmp_path, ANY, workers=0)
    assert table["indication"].to_pylist() == ["cough ."] * 4
    assert counts["reports_without_known_header"] == 0


@pytest.mark.parametrize(
    ("request_", "unknown"),
    [
        ("Fever\n O2 SAT: 88%", 1),
        ("Fever\n HIV+: on ART", 1),
        ("Fever\n PMH: COPD", 1),
        ("Cough\n Chest: tight", 0),
        ("Pain. Ribs: left", 0),
    ],
)
def test_no_text_of_a_request_is_cut_off_without_a_count(
    tmp_path: Path, request_: str, unknown: int
) -> None:
    write(tmp_path, "50000001", report(INDICATION=request_, FINDINGS="Clear"))
    _, counts = extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)
    assert counts["unknown_header_cut"] == unknown
    assert counts["findings_cut"] or unknown


@pytest.mark.parametrize("rules", [RELEASED, REFERENCE, ANY])
def test_invisible_characters_are_counted_and_hide_no_header(
    tmp_path: Path, rules: IndicationParams
) -> None:
    write(tmp_path, "50000001", report(INDICATION="cou\u200bgh", **{"FIND\u00adINGS": "Effusion"}))
    table, counts = extract_indications(studies("50000001"), tmp_path, rules, workers=0)
    assert counts["invisible_characters"] == 1
    if rules is not REFERENCE:
        assert table["indication"].to_pylist() == ["cough ."]


@pytest.mark.parametrize(
    ("other", "words"),
    [(report(TECHNIQUE="PA"), "reports have no section"), ("", "studies have no report")],
)
def test_a_cohort_of_which_most_has_no_indication_is_a_warning(
    tmp_path: Path, other: str, words: str
) -> None:
    ids = ["50000001", "50000002", "50000003"]
    for study, text in zip(ids, [report(INDICATION="Cough"), other, other], strict=True):
        write(tmp_path, study, text)
    _, counts = extract_indications(studies(*ids), tmp_path, RELEASED, workers=0)
    assert words in str(counts["warning"])


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Reason for Exam (Free text):",
            "Clinical info:",
            "Clin. details:",
            "History/Indication:",
        ),
        *("Indication & history:", "H/O:", "1. Indication:", "\u2022 Indication:", "Indication;"),
        *("Indication(s) for exam:", "Clinical presentation:", "Symptom:"),
    ],
)
def test_requests_under_other_headers_are_read_by_any_rules(header: str) -> None:
    assert found_in(f"{header} cough\nFindings: Effusion.", rules=ANY).indication == "cough ."


def test_a_negated_indication_is_no_request_and_a_report_may_be_one_line() -> None:
    assert (
        found_in("No indication of pneumothorax: stable\nFindings: x", rules=ANY).indication is None
    )
    line = "Indication: Cough. Comparison: None. Large effusion. Impression: Effusion."
    assert found_in(line, rules=ANY).indication == "cough ."


def test_findings_that_are_cut_off_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "50000001", report(INDICATION="Cough\n \n There is an effusion."))
    table, counts = extract_indications(studies("50000001"), tmp_path, RELEASED, workers=0)
    assert table["indication"].to_pylist() == ["cough ."]
    assert (counts["findings_cut"], counts["findings_suspected"]) == (1, 0)
    table, counts = extract_indications(studies("50000001"), tmp_path, REFERENCE, workers=0)
    assert table["indication"].to_pylist() == ["cough there is an effusion ."]
    assert (counts["findings_cut"], counts["findings_suspected"]) == (0, 1)


def test_the_number_of_processes_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indications, "BATCH", 50)
    fork_processes(monkeypatch)
    ids = [str(50000000 + n) for n in range(2 * 50 + 1)]
    for number, study in enumerate(ids):
        write(tmp_path, study, report(INDICATION=f"Cough for {number} days"))
    one, counted = extract_indications(studies(*ids), tmp_path, RELEASED, workers=0)
    many, counted_again = extract_indications(studies(*ids[::-1]), tmp_path, RELEASED, workers=2)
    assert one.equals(many)
    assert counted == counted_again


@pytest.mark.parametrize(
    "text",
    [
        "",
        report(INDICATION="no aaaa " * 25_000),
        report(INDICATION="no aa\n \n 1-1: " * 5_000),
        report(INDICATION="CHEST, " * 30_000),
        report(INDICATION="1-" * 100_000 + ":"),
        report(INDICATION="\n" * 200_000),
        "\n " + "A" * 200_000,
        "\n A:" * 20_000,
        report(INDICATION="/" * 200_000),
        "\n" + " " * 200_000,
    ],
    ids=[
        "empty",
        "no",
        "paragraphs",
        "title",
        "numbers",
        "lines",
        "header",
        "headers",
        "slashes",
        "spaces",
    ],
)
@pytest.mark.parametrize("rules", [RELEASED, REFERENCE, ANY])
def test_an_odd_report_takes_time_in_proportion_to_its_length(
    text: str, rules: IndicationParams
) -> None:
    start = time.process_time()
    found = found_in(text, rules=rules)
    assert found.outcome in OUTCOMES
    assert time.process_time() - start < 3  # seconds; the square of 200,000 is minutes


@pytest.mark.parametrize("use", [[], ["history", "history"], ["findings"]])
def test_sections_that_cannot_be_used_are_refused(use: list[str]) -> None:
    content = RELEASED.model_dump() | {"use": use}
    with pytest.raises(ParamsError, match=r"indications\.use"):
        params.validate(content, IndicationParams, where="indications")


def test_the_open_cohort_has_an_indication_wherever_it_has_the_header(real_data: Path) -> None:
    root = real_data / "open_cohort" / "mimic-cxr-reports"
    paths = sorted(root.rglob("*.txt"))
    found = {path: found_in(path.read_text(), path.stem[1:]) for path in paths}
    headed = {path for path in paths if "\n INDICATION:" in path.read_text()}
    assert (len(paths), len(headed)) == (147, 95)
    assert {path for path, one in found.items() if one.outcome == "indication"} == headed
    assert {path for path, one in found.items() if one.outcome == "no_section"} == {*paths} - headed


def test_published_indications_survive_the_report_layout(real_data: Path) -> None:
    with (real_data / "openi" / "indiana_reports.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["indication"].strip()]
    assert len(rows) > 3000
    for r in rows:
        text = report(INDICATION=r["indication"], FINDINGS=r["findings"], COMPARISON="none")
        last = {s.name: s.text.strip() for s in split_sections(text)}
        assert last["indication"] == r["indication"].strip()
        assert clean_indication(last["indication"])


def test_findings_are_told_from_indications_in_published_reports(real_data: Path) -> None:
    with (real_data / "openi" / "indiana_reports.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    def share(column: str) -> float:
        texts = [r[column] for r in rows if r[column].strip()]
        return sum(map(reads_like_findings, texts)) / len(texts)

    assert share("indication") <= 1 / 3765
    assert share("findings") >= 0.997


def test_the_flag_agrees_with_a_reader(real_data: Path) -> None:
    with (real_data / "openi" / "indiana_reports.csv").open(newline="") as file:
        texts = {row["uid"]: row for row in csv.DictReader(file)}
    with Path(__file__).with_name("openi_findings.csv").open(newline="") as file:
        labelled = list(csv.DictReader(file))
    assert len(labelled) == 200
    held_out = [row for row in labelled if int(row["uid"]) % 2]  # phrases: chosen on the others
    read = [row["findings"] == "1" for row in held_out]
    flagged = [reads_like_findings(texts[row["uid"]][row["column"]]) for row in held_out]
    agreed = sum(a and b for a, b in zip(read, flagged, strict=True))
    assert agreed == sum(flagged)  # precision 1
    assert agreed / sum(read) >= 33 / 41  # recall


HEADERS = (  # of findings; the first nine let findings into an indication by the reference rules
    *("CHEST 2 VIEWS:", "CHEST, 2 VIEWS:", "CHEST PA & LATERAL:", "FINDINGS 1:", "FINDINGS -"),
    *("UPRIGHT PORTABLE CHEST AT 5:30 A.M.:", "FRONTAL RADIOGRAPH 12/3:", "Findings:", "CXR #2 -"),
)


def requests_and_findings(real_data: Path, sentences: int = 1) -> list[tuple[str, str]]:
    """Indications of published reports, and the first sentences of what was found."""
    with (real_data / "openi" / "indiana_reports.csv").open(newline="") as file:
        rows = [
            (r["indication"].strip(), r["findings"] or r["impression"])
            for r in csv.DictReader(file)
        ]
    return [
        (asked, ". ".join(found.split(". ")[:sentences]).strip())
        for asked, found in rows
        if asked and found.strip()
    ]


def test_findings_behind_a_header_are_flagged_or_cut_off_in_published_reports(
    real_data: Path,
) -> None:
    pairs = requests_and_findings(real_data)
    assert len(pairs) > 3700
    flagged = wrongly = leaked = changed = 0
    for number, (asked, found) in enumerate(pairs):
        header = HEADERS[number % len(HEADERS)]
        whole = report(INDICATION=f"{asked}\n \n {header} {found}.")
        alone = clean_indication(asked)
        flagged += found_in(whole, rules=REFERENCE).findings_suspected
        wrongly += found_in(report(INDICATION=asked), rules=REFERENCE).findings_suspected
        leaked += found_in(whole).indication != alone
        changed += found_in(report(INDICATION=asked)).indication != alone
    assert flagged == len(pairs) == 3765  # recall 1
    assert wrongly <= 1
    assert (leaked, changed) == (0, 0)


OTHER_HEADERS = (  # of findings, in other hospitals' writing; a line each
    "Lungs:|Heart:|Lungs/pleura:|Lines and tubes:|CT chest:|Vessels:|Skeleton:|Support devices:",
    "FINDINGS|Findings|FINDINGS;|FINDINGS.|FINDINGS =|FINDINGS\uff1a|Findings\t:|Findings,",
    "**FINDINGS**|*Findings*:|[FINDINGS]|<FINDINGS>|# Findings:|(FINDINGS)|{FINDINGS}|_FINDINGS_",
    '"FINDINGS"|=== Findings ===|--- FINDINGS ---|>>FINDINGS<<|FINDINGS - LUNGS:|FINDING(S):',
    "Assessment:|Diagnosis:|Read:|WET READ:|Result:|REPORT:|Summary:|IMP:|Impr:|Narrative:",
    "Final report:|FINAL REPORT:|Preliminary report:|Prelim:|Addendum:|Comment:|Discussion:",
    "CHEST 2 VIEWS, March 3:|XR CHEST 1 V:|PA and lateral chest:|AP view.|Limited exam:|CXR:",
    "COMPARISON: None.|Technique: two views.|EXAM: CHEST.|Findings & Impression|Key images:",
)


def test_findings_behind_other_headers_are_cut_off(real_data: Path) -> None:
    headers = "|".join(OTHER_HEADERS).split("|")
    some = requests_and_findings(real_data)[::40]
    for header in headers:
        for asked, found in some:
            whole = report(INDICATION=f"{asked}\n \n {header} {found}.")
            assert found_in(whole).indication == clean_indication(asked), (header, found)


@pytest.mark.parametrize(("sentences", "flagged", "left"), [(1, 0.729, 0.271), (99, 0.989, 0.011)])
def test_findings_without_a_header_below_a_blank_line_are_cut_off_if_they_read_like_it(
    sentences: int, flagged: float, left: float, real_data: Path
) -> None:
    pairs = requests_and_findings(real_data, sentences)
    wholes = [(asked, report(INDICATION=f"{asked}\n \n {found}.")) for asked, found in pairs]
    seen = sum(found_in(text, rules=REFERENCE).findings_suspected for _, text in wholes)
    kept = sum(found_in(text).indication != clean_indication(asked) for asked, text in wholes)
    assert seen / len(pairs) >= flagged
    assert kept / len(pairs) <= left


def test_blank_lines_within_a_published_request_do_not_cut_it(real_data: Path) -> None:
    apart = [re.split(r"(?<=[.;]) ", asked) for asked, _ in requests_and_findings(real_data)]
    paragraphs = [sentences for sentences in apart if len(sentences) > 1]
    cut = sum(
        found_in(report(INDICATION="\n\n".join(sentences))).indication
        != clean_indication(" ".join(sentences))
        for sentences in paragraphs
    )
    assert len(paragraphs) == 416
    assert cut <= 2
