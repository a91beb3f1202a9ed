"""The method page that the code cites by section."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
NUMBER = r"\d+(?:\.\d+)?"
# A citation may go on in the next line of a comment or docstring.
CITATION = re.compile(rf"docs/method\.md, sections? ({NUMBER}(?:(?:,| and|, and| to) {NUMBER})*)")
OTHER_SPELLING = re.compile(rf"(?<!docs/)\bmethod(?:\.md)?,? sections? {NUMBER}", re.IGNORECASE)
FEWEST = 50  # citations: far fewer mean that this test no longer finds them


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Path and text of every tracked text file, line breaks and comment signs as one space."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ":!metrics"], cwd=REPO, check=True, capture_output=True
    )
    for name in listed.stdout.decode().split("\0"):
        path = REPO / name
        if not name or not path.is_file():
            continue
        try:
            yield name, re.sub(r"\s*\n\s*(?:#|--)?\s*", " ", path.read_text())
        except UnicodeDecodeError:
            continue


def citations() -> list[tuple[str, str]]:
    """File and section of every citation."""
    return [
        (name, section)
        for name, text in tracked_texts()
        for found in CITATION.finditer(text)
        for section in re.findall(NUMBER, found[1])
    ]


@pytest.fixture(scope="module")
def sections() -> set[str]:
    page = (REPO / "docs" / "method.md").read_text()
    return set(re.findall(rf"^#{{2,3}} ({NUMBER})\.? \S", page, re.MULTILINE))


def test_every_section_that_is_cited_has_a_heading(sections: set[str]) -> None:
    assert [(name, number) for name, number in citations() if number not in sections] == []


def test_the_code_cites_the_page(sections: set[str]) -> None:
    cited = {number for name, number in citations() if not name.startswith("docs/")}
    assert len(citations()) >= FEWEST
    assert {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"} <= sections
    assert {number.partition(".")[0] for number in cited} >= {*"123456789", "10"}


def test_the_page_is_cited_by_its_path() -> None:
    found = [
        (name, match[0])
        for name, text in tracked_texts()
        for match in OTHER_SPELLING.finditer(text)
    ]
    assert found == []
