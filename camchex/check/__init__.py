"""``camchex check``: which raw data are there or missing, and whether they are as published."""

from camchex.check.canonical_tables import check_tables
from camchex.check.data_sets import check_data
from camchex.check.image_stores import check_stores
from camchex.check.rendering import render_data, render_tables

__all__ = ["check_data", "check_stores", "check_tables", "render_data", "render_tables"]
