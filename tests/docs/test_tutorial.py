"""The scores that pages print are those that are recorded; tests/pipeline runs the tutorial."""

import json
import runpy
from pathlib import Path

from tests.docs.tutorial import PAGE, steps

REPO = Path(__file__).resolve().parents[2]


def test_the_pages_have_the_recorded_scores() -> None:
    script = runpy.run_path(str(PAGE.with_suffix(".py")))
    pages = script["PAGES"]
    assert all("<!-- recorded: " in page.read_text() for page in pages)
    for page in pages:
        assert script["renewed"](page) == page.read_text(), "run `python docs/tutorial.py`"


def test_the_difference_is_that_of_the_two_recorded_models() -> None:
    with_texts = json.loads((REPO / "metrics/summary.json").read_text())["study"]["mAP"]
    table = json.loads((REPO / "metrics/ablations/table3.json").read_text())
    images = table["rows"]["multi_view"]["mAP"]["mean"]
    lines = PAGE.read_text().splitlines()
    (row,) = [line for line in lines if " study.mAP " in line and "| -" in line]
    before, after, change = (float(cell) for cell in row.split("|")[3:6])
    assert abs(before - with_texts) < 1e-5
    assert abs(after - images) < 1e-5
    assert abs(change - (images - with_texts)) < 1e-5


def test_every_block_belongs_to_a_command() -> None:
    assert [step.command.split()[0] for step in steps()][:2] == ["make", "source"]
    assert sum(bool(step.output) for step in steps()) >= 4
