"""Tests, in the arithmetic of the stages."""

from camchex.contract import arithmetic

arithmetic.pin()  # before any test imports numpy or torch
