"""Trainings, small and whole; those that tests start as processes import what another one has."""

from camchex.runs import preloaded

preloaded.hand_over()
