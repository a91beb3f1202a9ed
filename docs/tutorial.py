"""Write the recorded scores into the pages that print them: ``python docs/tutorial.py``."""

import json
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from dvc.compare import show_diff, show_metrics

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(ROOT / "docs" / name for name in ("tutorial.md", "experiments.md"))
SUMMARY = "metrics/summary.json"
SHOWN = ("study.AUROC", "study.mAP")
"""Scores whose difference the page shows."""
PRECISION = 5  # digits, as DVC prints by default
BLOCK = re.compile(r"(<!-- recorded: (\w+) -->\n).*?(<!-- /recorded -->)", re.DOTALL)


def renewed(page: Path) -> str:
    """Return a page with the scores that are recorded now."""
    made = {"metrics": metrics, "difference": difference}
    return BLOCK.sub(lambda found: f"{found[1]}{made[found[2]]()}\n{found[3]}", page.read_text())


def metrics() -> str:
    """Print metrics/summary.json as ``dvc metrics show --md`` does."""
    numbers = {key: value for key, value in _recorded(SUMMARY).items() if key != "details"}
    shown = {"": {"data": {SUMMARY: {"data": numbers}}}}  # a list is no metric
    return _printed(show_metrics, shown)


def difference() -> str:
    """Print what a model of images alone scores beside the model, as ``dvc metrics diff`` does."""
    before = _recorded(SUMMARY)["study"]
    after = _recorded("metrics/ablations/table3.json")["rows"]["multi_view"]
    changed = {}
    for key in SHOWN:
        old, new = before[key.partition(".")[2]], after[key.partition(".")[2]]["mean"]
        changed[key] = {"old": old, "new": new, "diff": new - old}
    return _printed(show_diff, {SUMMARY: changed}, title="Metric", a_rev="HEAD")


def _recorded(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / name).read_text())
    return content


def _printed(show: Callable[..., None], content: object, **options: str) -> str:
    """What DVC prints of a table."""
    printed = StringIO()
    with redirect_stdout(printed):
        show(content, markdown=True, precision=PRECISION, round_digits=True, **options)
    return printed.getvalue().strip()


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page))
