"""Section ``views``: the view of images that no header tells."""

from pydantic import Field

from camchex.contract.params import Section


class ViewParams(Section):
    """Section ``views``."""

    #: whether a classifier decides images of unknown view; false: they stay frontal
    classifier: bool
    confidence: float = Field(gt=0.5, lt=1)  #: least probability of a view that is decided
