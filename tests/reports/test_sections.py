"""The grammar of MIMIC-CXR's section parser, trap by trap, and against a scanner without regex."""

import csv
import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex import split_sections
from camchex.reports.findings import findings_suspected
from camchex.texts.params import SectionRules

NAME_CHARACTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ ()/,-")
# Of sections, what it takes to tell one header from another.
FAMILIES = ("impression", "findings", "history", "comparison", "addendum")
TITLES = (
    *("chest", "portable", "pa and lateral", "lateral and pa", "ap and lateral", "lateral and ap"),
    *("frontal and", "two views", "frontal view", "pa view", "ap view", "one view"),
    *("lateral view", "bone window", "frontal upright", "frontal semi-upright", "ribs"),
    "pa and lat",
)
with files("camchex.reports").joinpath("section_names.csv").open() as file:
    NAMES = {row["header"]: row["section"] for row in csv.DictReader(file)}
HEADERS = st.sampled_from([*NAMES, *FAMILIES, *TITLES, "social history", "dose", " ", "t2"])
PIECES = st.sampled_from(
    [
        "\n ",
        "\n",
        " ",
        "\r",
        "\r\n",
        ":",
        "A",
        "x. ",
        "\n \n",
        "1",
        "\t",
        "\x0b",
        "\u2028",
        "\u00e9",
    ]
)
TEXTS = st.lists(
    PIECES
    | st.tuples(
        st.sampled_from(["\n ", "\n ", "\n", "\n   ", "\n\t", "\r\n ", ""]),
        HEADERS.map(str.upper) | HEADERS,
        st.sampled_from([": ", ": ", ":", ":\n", ":\r\n", " : ", ":\u00a0", ""]),
    ).map("".join),
    max_size=20,
).map("".join)
both_rules = pytest.mark.parametrize("rules", ["reference", "corrected"])


def pairs(text: str, rules: SectionRules = "corrected") -> list[tuple[str, str]]:
    return [(s.name, s.text) for s in split_sections(text, rules)]


def names(text: str, rules: SectionRules = "corrected") -> list[str]:
    return [s.name for s in split_sections(text, rules)]


def only(header: str, rules: SectionRules, text: str = "x") -> str:
    """Name of a section with this header."""
    return names(f"\n {header}: {text}\n IMPRESSION: y\n", rules)[1]


def scanned(text: str) -> list[tuple[str, str, int]]:
    """Header, text and start of each section, found character by character."""
    found, position = [], 0
    while position < len(text):
        end = position + 2
        while end < len(text) and text[end] in NAME_CHARACTERS:
            end += 1
        starts = text[position : position + 2] == "\n " and end > position + 2
        if starts and text[end : end + 1] == ":" and text[end + 1 : end + 2].isspace():
            found.append((position, position + 2, end, end + 2))
            position = end + 2
        else:
            position += 1
    if not found:
        return [("full report", text, 0)]
    sections = [("preamble", text[: found[0][1]], 0)]
    for (_, word, colon, start), following in zip(found, [*found[1:], (len(text),)], strict=True):
        sections.append((text[word:colon].lower().strip(), text[start : following[0]], start))
    return sections


def normalised(header: str) -> str:
    if header in NAMES:
        return NAMES[header]
    family = [name for name in FAMILIES if name in header]
    return family[0] if family else "findings" if any(t in header for t in TITLES) else header


def restated(text: str) -> list[tuple[str, str, int]]:
    """Name, text and start of each section, by the grammar as it is described in words."""
    named = [(normalised(header), section, start) for header, section, start in scanned(text)]
    kept = [s for s in named if s[0] not in ("impression", "findings") or s[1].strip()]
    if {"impression", "findings"} & {name for name, _, _ in kept}:
        return kept
    name, section, start = kept.pop()
    head, blank, rest = section.partition("\n \n")
    kept.append((name, head, start))
    return [*kept, ("last_paragraph", rest, start + len(head))] if blank else kept


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_the_reference_splits_any_report_as_a_scanner_without_regex_does(text: str) -> None:
    for report in (text, f"{text}\n IMPRESSION: clear."):
        found = split_sections(report, "reference")
        assert [(s.name, s.text, s.start) for s in found] == restated(report)


@given(TEXTS, st.sampled_from(["reference", "corrected"]))
@settings(max_examples=100, deadline=None)
def test_sections_follow_each_other_without_overlap(text: str, rules: SectionRules) -> None:
    end = 0
    for section in split_sections(text, rules):
        assert section.start >= end
        end = section.start + len(section.text)
    assert end <= len(text) + (3 if rules == "reference" else 0)


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_every_section_stands_in_the_report_where_it_says(text: str) -> None:
    for section in split_sections(text, "corrected"):
        assert text[section.start :].startswith(section.text)
    for section in split_sections(text, "reference"):
        start = section.start + (3 if section.name == "last_paragraph" else 0)
        assert text[start:].startswith(section.text)


def test_a_report_is_split_at_its_headers() -> None:
    text = " FINAL REPORT\n INDICATION:  cough\n for days\n \n FINDINGS: \n \n Clear.\n"
    assert pairs(text) == [
        ("preamble", " FINAL REPORT\n "),
        ("indication", " cough\n for days\n "),
        ("findings", "\n \n Clear.\n"),
    ]


def test_the_reference_swallows_a_header_right_after_a_header_without_trailing_space() -> None:
    text = "\n INDICATION:\n FINDINGS: a\n"
    assert pairs(text, "reference")[1:] == [("indication", " FINDINGS: a\n")]
    assert pairs(text, "corrected")[1:] == [("indication", ""), ("findings", "a\n")]


@both_rules
@pytest.mark.parametrize("gap", [" \n", "\r\n"])
def test_after_a_trailing_space_or_a_carriage_return_it_is_not(
    gap: str, rules: SectionRules
) -> None:
    assert pairs(f"\n FINDINGS:{gap} IMPRESSION: a", rules)[1:] == [("impression", "a")]


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_but_for_requests_and_swallowed_headers_both_rules_split_a_concluded_report_alike(
    text: str,
) -> None:
    requests = "I?N?DICATION|PFI|HISTORY|REASON|CLINICAL INFORMATION"
    report = re.sub(requests, "AGE", f"{text}\n IMPRESSION: clear.")
    report = re.sub(r"\r(?!\n)|[\x0b\u2028]", " ", report.replace(":\n", ": \n"))
    assert pairs(report, "corrected") == pairs(report, "reference")


@pytest.mark.parametrize(
    "line",
    [
        "\nINDICATION: x",
        "\n\tINDICATION: x",
        "\n Indication: x",
        "\n INDICATION x",
        "\n T2 SCAN: x",
    ],
)
def test_what_lacks_the_space_the_capitals_or_the_colon_is_no_header(line: str) -> None:
    assert pairs(line) == [("full report", line)]


def test_a_header_on_the_first_line_is_not_seen() -> None:
    assert names(" INDICATION: cough\n FINDINGS: a") == ["preamble", "findings"]


def test_a_colon_without_whitespace_after_it_ends_no_header() -> None:
    assert names("\n FINDINGS:a\n TECHNIQUE: b") == ["preamble", "technique"]


def test_a_second_header_on_a_line_belongs_to_the_text_by_the_reference() -> None:
    text = "\n INDICATION: a TECHNIQUE: b"
    assert pairs(text, "reference")[1:] == [("indication", "a TECHNIQUE: b")]
    assert pairs(text)[1:] == [("indication", "a "), ("unheaded findings", "TECHNIQUE: b")]


@pytest.mark.parametrize("header", ["OPINION", "INTERPRETATION", "LUNGS AND PLEURA", "RESULT"])
def test_the_reference_leaves_headers_that_are_in_no_table_of_the_parser(header: str) -> None:
    assert only(header, "reference") == header.lower()


@pytest.mark.parametrize("header", ["   INDICATION", "INDICATION ", "  INDICATION  "])
def test_deeper_indents_and_spaces_before_the_colon_are_part_of_the_name(header: str) -> None:
    assert only(header, "corrected") == "indication"


def test_a_header_of_spaces_has_an_empty_name() -> None:
    assert only("  ", "corrected") == ""


def test_positions_count_characters_not_bytes() -> None:
    section = split_sections("\u00b0\u00b0\n FINDINGS: a")[1]
    assert (section.start, section.text) == (14, "a")


def test_empty_conclusions_are_dropped_and_other_empty_sections_kept() -> None:
    text = "\n FINDINGS: \n \n TECHNIQUE: \n IMPRESSION: clear"
    assert pairs(text)[1:] == [("technique", ""), ("impression", "clear")]


@pytest.mark.parametrize(("rules", "opens"), [("reference", 0), ("corrected", 3)])
def test_without_a_conclusion_the_last_section_is_cut_at_its_first_blank_line(
    rules: SectionRules, opens: int
) -> None:
    text = "\n INDICATION: cough\n \n Clear.\n \n No effusion."
    head, last = split_sections(text, rules)[1:]
    assert (head.name, head.text) == ("indication", "cough")
    assert (last.name, last.text) == ("last_paragraph", " Clear.\n \n No effusion.")
    assert last.start == text.index("\n \n") + opens


def test_a_report_without_headers_is_cut_too() -> None:
    assert pairs("a\n \nb") == [("full report", "a"), ("last_paragraph", "b")]


@pytest.mark.parametrize("blank", ["\n\n", "\r\n \r\n", "\n  \n", "\n\t\n"])
def test_to_the_reference_only_a_line_of_exactly_one_space_is_a_blank_line(blank: str) -> None:
    text = f"\n INDICATION: cough{blank}Clear."
    assert names(text, "reference")[1:] == ["indication"]
    assert names(text, "corrected")[1:] == ["indication", "last_paragraph"]


def test_corrected_findings_that_no_blank_line_parts_from_the_indication_are_no_indication() -> (
    None
):
    text = "\n INDICATION: cough.\n There is no pneumothorax."
    assert names(text, "reference")[1:] == ["indication"]
    assert names(text, "corrected")[1:] == ["findings"]
    assert names("\n INDICATION: cough.", "corrected")[1:] == ["indication"]
    assert names(f"{text}\n IMPRESSION: a", "corrected")[1:] == ["indication", "impression"]


def test_with_a_conclusion_nothing_is_cut() -> None:
    assert names("\n IMPRESSION: a\n TECHNIQUE: b\n \n c") == [
        "preamble",
        "impression",
        "technique",
    ]


@both_rules
@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("CLINICAL HISTORY", "history"),
        ("CLINICAL INFORMATION", "history"),
        ("PATIENT HISTORY", "history"),
        ("REASON FOR EXAMINATION", "indication"),
        ("REASON FOR EXAM", "indication"),
        ("CLINICAL INDICATION", "indication"),
        ("IDICATION", "indication"),
        ("CONCLUSION", "impression"),
        ("FINDINGS AND IMPRESSION", "impression"),
        ("FINDINGS/IMPRESSION", "impression"),
        ("IMPRESSOIN", "impression"),
        ("CHEST, TWO VIEWS", "findings"),
        ("COMPARISON FILM", "comparison"),
        ("RECOMMENDATION(S)", "recommendations"),
        ("WETREAD", "wet read"),
        ("TYPE OF EXAMINATION", "examination"),
        ("PROVISIONAL FINDINGS", "findings"),  # contains a section's name
        ("ADDENDUM IMPRESSION", "impression"),  # contains two
        ("SOCIAL HISTORY", "history"),
        ("PORTABLE AP", "findings"),  # contains an examination's name
        ("RIBS", "findings"),
        ("PA AND LAT", "findings"),
        ("DOSE", "dose"),
    ],
)
def test_headers_are_normalised(header: str, name: str, rules: SectionRules) -> None:
    assert only(header, rules) == name


@pytest.mark.parametrize(
    ("header", "reference", "corrected"),
    [("NDICATION", "impression", "indication"), ("PFI", "history", "pfi")],
)
def test_the_corrected_rules_name_two_headers_otherwise(
    header: str, reference: str, corrected: str
) -> None:
    assert only(header, "reference") == reference
    assert only(header, "corrected") == corrected


def test_findings_under_a_header_that_mentions_history_are_no_history_when_corrected() -> None:
    findings = "There is no pneumothorax."
    assert only("HISTORY OF PRESENT STUDY", "reference", findings) == "history"
    assert only("HISTORY OF PRESENT STUDY", "corrected", findings) == "history of present study"
    assert only("HISTORY OF PRESENT STUDY", "corrected", "Cough.") == "history"
    assert only("HISTORY", "corrected", findings) == "history"  # a known header keeps its name


HEADERS_OF_FINDINGS = (
    *("CHEST 2 VIEWS:", "CHEST, 2 VIEWS:", "CHEST PA & LATERAL:", "FINDINGS 1:", "FINDINGS -"),
    *("UPRIGHT PORTABLE CHEST AT 5:30 A.M.:", "FRONTAL RADIOGRAPH 12/3:", "Findings:"),
    *("CHEST 2 VIEWS:\n", "FINDINGS:", "FINDINGS :", "findings:", "IMPRESSION #2:", "CXR:"),
    *(
        "Chest x-ray, PA and lateral:",
        "XR CHEST 2V -",
        "PORTABLE CHEST @ 0530 HRS:",
        "Impression --",
    ),
    *("Single AP view of the chest:", "Semi-erect AP chest, ___ at 5 pm:", "Preliminary findings:"),
    *("Findings\n", "FINDINGS\n", "CHEST 2 VIEWS\n", "Chest radiograph, two views.\n", "Report:"),
    *("PA and lateral views of the chest were obtained.", "AP CHEST.", "Opinion \u2013", "RESULT:"),
)


@pytest.mark.parametrize("header", HEADERS_OF_FINDINGS)
@pytest.mark.parametrize("blank", ["\n \n ", "\n\n", "\r\n \r\n "])
@pytest.mark.parametrize("end", ["", "\n \n IMPRESSION: effusion."])
def test_an_indication_ends_at_a_header_of_findings_in_any_spelling(
    header: str, blank: str, end: str
) -> None:
    request = f"cough.{blank}{header} Large right pleural effusion."
    for rules in ("corrected", "any"):
        found = dict(pairs(f"\n INDICATION:  {request}{end}", rules))  # type: ignore[arg-type]
        assert found["indication"].strip() == "cough."
    assert findings_suspected(request)


MARKED_OTHERWISE = (
    *(
        "FINDINGS;",
        "FINDINGS.",
        "FINDINGS",
        "Findings",
        "FINDINGS =",
        "**FINDINGS**",
        "*Findings*:",
    ),
    *("**FINDINGS:**", "[FINDINGS]", "<FINDINGS>", "# Findings", "FINDINGS\uff1a", "Finding(s):"),
    *("Assessment:", "Diagnosis:", "Read:", "WET READ:", "Lungs:", "Heart:", "Pleura:"),
    *(
        "Mediastinum:",
        "Lungs/pleura:",
        "Lines and tubes:",
        "LINES & TUBES:",
        "Abdomen:",
        "CT chest:",
    ),
    *("CHEST X-RAY 2V", "CHEST XRAY (2 VIEWS)", "Portable AP chest film dated 12 Mar 2020:"),
    *("CHEST, ONE VIEW, 03-MAR-2020:", "XR CHEST 1 V:", "Befund:", "RESULT:", "REPORT:"),
    *("COMPARISON: None.", "Technique: PA.", "SUMMARY:", "IMP:", "1. FINDINGS:", "- Impression:"),
)


@pytest.mark.parametrize("header", MARKED_OTHERWISE)
def test_it_ends_at_other_sections_and_organs_and_at_other_marks(header: str) -> None:
    for gap in ("\n ", "\n \n ", " "):
        if gap == " " and header in ("1. FINDINGS:", "*Findings*:"):
            continue  # of a list, or no end of a line
        request = f"cough.{gap}{header} Large right effusion."
        found = dict(pairs(f"\n INDICATION:  {request}\n IMPRESSION: effusion."))
        assert "effusion" not in found["indication"], gap
        assert findings_suspected(request)


@pytest.mark.parametrize("gap", ["\r", "\r\r", "\u2028", "\x0b", "\x0c", "\x85", "\\n", "\\n\\n"])
@pytest.mark.parametrize("header", ["CHEST 2 VIEWS:", "FINDINGS", "Lungs:", "Findings -"])
def test_every_line_break_is_one(header: str, gap: str) -> None:
    request = f"cough{gap}{header} Large right effusion."
    found = dict(pairs(f"\n INDICATION: {request}\n IMPRESSION: x"))
    assert found["indication"].replace("\\n", "").strip() == "cough"
    assert findings_suspected(request)


@pytest.mark.parametrize("header", ["CHEST 2 VIEWS:", "FINDINGS 1:", "Findings:", "FINDINGS:"])
def test_it_ends_there_without_a_blank_line_and_within_a_line_too(header: str) -> None:
    for request in (f"cough\n {header} Effusion.", f"cough. {header} Effusion."):
        text = f"\n INDICATION: {request}\n IMPRESSION: x"
        assert dict(pairs(text))["indication"].strip(" .") == "cough"
        assert findings_suspected(request)


def test_a_header_right_below_that_of_the_indication_is_seen_in_any_spelling() -> None:
    text = "\n INDICATION:\n CHEST 2 VIEWS: Effusion.\n IMPRESSION: x"
    assert pairs(text)[1:3] == [("indication", ""), ("findings", "Effusion.")]


@pytest.mark.parametrize(
    "request_",
    [
        "Chest pain.\n\n yo female with cough",
        "___ yo with chest\n pain: 2 days, hx: COPD\n \n please assess for effusion",
        "Cough.\n \n R/o pneumonia - please compare.\n \n History of CHF",
        "abnormal\n chest x-ray\n outside, question: mass",
        "1. CHEST PAIN: chronic\n 2. Cough",
        "Chest Pain",
        "AGE <3 AND >2, BP* HIGH: x",
        "FEVER WITH ABNORMAL\n FINDINGS ON CT",
        "patient [**Last Name**] with cough: 3 days",
        "s/p line placement\n \n ___ F with ET tube, check position",
    ],
)
@both_rules
def test_a_request_in_plain_prose_is_kept_whole(request_: str, rules: SectionRules) -> None:
    text = f"\n INDICATION: {request_}\n \n FINDINGS: Clear."
    assert dict(pairs(text, rules))["indication"].strip() == request_
    assert not findings_suspected(request_)


def test_a_paragraph_that_reads_like_findings_is_cut_off_and_named() -> None:
    text = "\n INDICATION: Cough.\n \n ___ F.\n \n There is an effusion.\n IMPRESSION: x"
    assert pairs(text)[1:3] == [
        ("indication", "Cough.\n \n ___ F."),
        ("unheaded findings", "\n \n There is an effusion."),
    ]


@pytest.mark.parametrize(
    "header",
    [
        *("INDICATION:", "INDICATIONS:", "Indication:", "Indications :", "Clinical indication:"),
        *("REASON:", "Reason -", "Reason for exam:", "REASON FOR CHEST X-RAY:", "Exam reason:"),
        *(
            "CLINICAL DETAILS:",
            "Clinical Details:",
            "Clinical question:",
            "Indication\n",
            "REASON\n",
        ),
    ],
)
@pytest.mark.parametrize("above", ["", "Hospital of X\n", "EXAM: CHEST\n\n", "\t"])
def test_by_any_rules_other_hospitals_headers_are_known(header: str, above: str) -> None:
    text = f"{above}{header} cough\nFindings: There is an effusion.\nImpression: effusion"
    found = dict(pairs(text, "any"))
    assert (found["indication"].strip(), found["impression"].strip()) == ("cough", "effusion")


@pytest.mark.parametrize(
    "header", ["History:", "Clinical history:", "CLINICAL INFORMATION:", "Hx:"]
)
def test_by_any_rules_a_history_is_one_in_any_case(header: str) -> None:
    assert dict(pairs(f"{header} smoker\nFindings: clear", "any"))["history"].strip() == "smoker"


@pytest.mark.parametrize("header", ["Contraindications:", "Reaction:", "Chest pain:", "ET tube -"])
def test_by_any_rules_other_words_are_no_request(header: str) -> None:
    assert "indication" not in names(f"\n{header} cough\nFindings: clear", "any")
