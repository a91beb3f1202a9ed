"""Section ``synthetic``: how many patients are invented, and how much each modality tells."""

from typing import Annotated

from pydantic import Field, field_validator

from camchex.contract.labels import CXR_LT_2023
from camchex.contract.params import Section

Fraction = Annotated[float, Field(ge=0, le=1)]
DRAWN = tuple(name for name in CXR_LT_2023 if name != "No Finding")
"""Findings that are drawn; No Finding follows from the absence of all but Support Devices."""


class StudyCounts(Section):
    """Studies per split of CXR-LT."""

    train: int = Field(ge=1)
    development: int = Field(ge=1)
    test: int = Field(ge=1)


class ExternalCounts(Section):
    """Images per external set."""

    chexpert: int = Field(ge=1)
    nih: int = Field(ge=1)
    vindr: int = Field(ge=1)


class SyntheticParams(Section):
    """Everything that decides the synthetic cohort."""

    seed: int = Field(ge=0)
    studies: StudyCounts
    external: ExternalCounts
    image_px: int = Field(ge=32)  # longer side of a raw image
    signal: float = Field(ge=0)  # strength of the radiological signs; 0 draws none
    noise: float = Field(ge=0)  # noise of the detector, relative to the demo's
    text_informativeness: Fraction  # share of the indications that are about their own study
    vitals_informativeness: Fraction  # share of the vital signs that are about their own study
    label_leak: (
        Fraction  # share of absent findings labelled positive where the indication names them
    )
    label_noise: Fraction  # share of positive labels dropped; as many negatives turn positive
    text_dirt: Fraction  # share of the reports with one irregularity
    in_emergency: Fraction  # share of the studies taken during a stay in the emergency department
    vitals_missing: Fraction  # share of the values missing at triage
    vitals_dirt: Fraction  # share of triage rows in Celsius; as many have a typing error
    synergy: Fraction  # share of the studies in which two findings may share a shadow
    prevalence: dict[str, Annotated[float, Field(gt=0, lt=1)]]  # share of the studies

    @field_validator("prevalence")
    @classmethod
    def _complete(cls, prevalence: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(prevalence) - set(DRAWN))
        missing = [name for name in DRAWN if name not in prevalence]
        if unknown or missing:
            raise ValueError(
                f"unknown findings {unknown}, missing findings {missing} "
                "(No Finding is not drawn: it follows)"
            )
        return prevalence
