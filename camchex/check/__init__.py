"""``camchex check``: which raw data are there or missing, and are they as published."""

from camchex.check.data_sets import check
from camchex.check.findings import Findings
from camchex.check.rendering import render

__all__ = ["Findings", "check", "render"]
