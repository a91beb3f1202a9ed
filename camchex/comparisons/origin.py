"""On what a result was measured."""

from pathlib import Path
from typing import Literal

INVENTED = Path("data/synthetic/raw")  # what data/synthetic/dvc.yaml makes

Origin = Literal["synthetic", "real"]


def origin(root: Path) -> Origin:
    """``synthetic`` if ``data.root`` is the cohort that the project invents itself."""
    return "synthetic" if root.resolve() == INVENTED.resolve() else "real"
