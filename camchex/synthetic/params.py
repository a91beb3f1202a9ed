"""Section ``synthetic``: how many patients are invented, and how much each modality tells."""

from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from camchex.contract.labels import CXR_LT_2023
from camchex.contract.params import Section

Fraction = Annotated[float, Field(ge=0, le=1)]
DRAWN = tuple(name for name in CXR_LT_2023 if name != "No Finding")
"""Findings that are drawn; No Finding follows from the absence of all but Support Devices."""


class Wording(NamedTuple):
    """How often a question names a finding in other words than usual: shares of those asked for."""

    paraphrases: float = 0.0
    unlisted: float = 0.0


USUAL = Wording()


class StudyCounts(Section):
    """Studies per split of CXR-LT."""

    train: int = Field(ge=1)  #: training studies
    development: int = Field(ge=1)  #: development studies
    test: int = Field(ge=1)  #: test studies


class ExternalCounts(Section):
    """Images per external set."""

    chexpert: int = Field(ge=1)  #: images laid out as CheXpert
    nih: int = Field(ge=1)  #: images laid out as ChestX-ray14
    vindr: int = Field(ge=1)  #: images laid out as VinBigData


class SyntheticParams(Section):
    """Everything that decides the synthetic cohort."""

    seed: int = Field(ge=0)  #: seed of all that is invented
    studies: StudyCounts  #: studies per split
    external: ExternalCounts  #: images per external set
    image_px: int = Field(ge=32)  #: pixels of the longer side of a raw image
    signal: float = Field(ge=0)  #: strength of the radiological signs; 0 draws none
    noise: float = Field(ge=0)  #: noise of the detector, relative to the demo's
    text_informativeness: Fraction  #: share of the indications that are about their own study
    vitals_informativeness: Fraction  #: share of the vital signs that are about their own study
    #: share of absent findings labelled positive where the indication names them
    label_leak: Fraction
    label_noise: Fraction  #: share of positive labels dropped; as many negatives turn positive
    text_dirt: Fraction  #: share of the reports with one irregularity
    in_emergency: Fraction  #: share of the studies taken during a stay in the emergency department
    vitals_missing: Fraction  #: share of the values missing at triage
    vitals_dirt: Fraction  #: share of triage rows in Celsius; as many have a typing error
    synergy: Fraction  #: share of the studies in which two findings may share a shadow
    paraphrases: Fraction  #: share of the findings asked for that are worded as in real requests
    unlisted_words: Fraction  #: share of them worded by words that are in no list of words
    named_repeated: Fraction  #: share of absent findings that MIMIC-14 has as positive where named
    named_uncertain: Fraction  #: share of them that it has as uncertain there
    named_missed: Fraction  #: share of present findings that it does not mention where named
    race_known: Fraction  #: share of the patients whose stays give a race
    #: share of the studies with each finding; No Finding follows
    prevalence: dict[str, Annotated[float, Field(gt=0, lt=1)]]

    @property
    def wording(self) -> Wording:
        """How often a question names a finding in other words."""
        return Wording(self.paraphrases, self.unlisted_words)

    @model_validator(mode="after")
    def _parts(self) -> Self:
        for names in (("paraphrases", "unlisted_words"), ("named_repeated", "named_uncertain")):
            if sum(getattr(self, name) for name in names) > 1:
                raise ValueError(f"{' and '.join(names)} are parts of one whole: at most 1 in all")
        return self

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
