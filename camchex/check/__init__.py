"""``camchex check``: which raw data are there or missing, and are they as published."""

from camchex.check.canonical import check_tables
from camchex.check.data_sets import check
from camchex.check.findings import Findings
from camchex.check.rendering import render, render_tables

__all__ = ["Findings", "check", "check_tables", "render", "render_tables"]
