"""Section ``indications`` of params.yaml: which report text a model may read, and how clean."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from camchex.contract.params import Section, unique

SectionRules = Literal["reference", "corrected", "any"]
Cleaner = Literal["released", "corrected", "minimal", "none"]
Source = Literal["indication", "history"]


class IndicationParams(Section):
    """Section ``indications``."""

    #: as MIMIC-CXR's parser finds them; corrected; any: headers of other hospitals
    sections: SectionRules
    #: sections that the model reads, in this order
    use: Annotated[tuple[Source, ...], Field(min_length=1), AfterValidator(unique)]
    cleaner: Cleaner  #: how their text is cleaned
