"""What only joint reading can know: shadows that two findings share (``synthetic.synergy``).

A study has each cue of ``VIEW_OF`` with probability ``synergy``, whatever its findings are. If a
study with a cue has exactly one finding of a pair, its images show the pair's shared shadow in the
place of the finding's own sign. The shadow is in one of two places, and place and cue together tell
the finding:

* ``FEVER``, or none, is in the vital signs. The place is the back or the front of a lung, which
  only a lateral image shows.
* ``SYMPTOMS`` on the left or on the right are in the indication. The place is the left or the right
  lung, which only a frontal image shows.

Both values of a cue are equally likely, apart from everything else. So a place alone does not tell
which finding it is, and a cue alone tells nothing of any finding: no sum or mean of what separate
models say can tell the two apart.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.random_streams import stream

Cue = Literal["fever", "symptoms"]
FEVER: Cue = "fever"
SYMPTOMS: Cue = "symptoms"
VIEW_OF: Mapping[Cue, str] = MappingProxyType({FEVER: "lateral", SYMPTOMS: "frontal"})
"""Kind of the view that shows the place that goes with a cue."""
ONE, OTHER = 1, -1
"""Values of a cue: a fever or none, the left or the right (``anatomy.SIDES``); and of a place: the
back or the front, the left or the right."""
Places = Mapping[str, int]
"""Place of each shared shadow, by the finding that it shows."""
Cues = Mapping[Cue, int]


@dataclass(frozen=True)
class Pair:
    """Two findings that may share a shadow."""

    cue: Cue  # the cue that tells them apart
    findings: tuple[str, str]  # the one in the place that has the cue's value, and the other one

    def place(self, finding: str, cue: int) -> int:
        """Place of the shadow of a finding where the cue has this value.

        The reverse is the same: the value of the cue where the finding's shadow is in this place.
        """
        return cue if finding == self.findings[0] else -cue


PAIRS = (
    Pair(FEVER, ("Atelectasis", "Lung Opacity")),
    Pair(FEVER, ("Pleural Thickening", "Pleural Other")),
    Pair(SYMPTOMS, ("Consolidation", "Infiltration")),
    Pair(SYMPTOMS, ("Nodule", "Lung Lesion")),
)


def draw_cues(params: SyntheticParams, study_id: str) -> Cues:
    """Draw the cues of a study; one that it does not have is left out."""
    if not params.synergy:
        return {}
    rng = stream(params.seed, "synergy", study_id)
    values = {cue: ONE if rng.random() < 0.5 else OTHER for cue in VIEW_OF}  # noqa: PLR2004 - half
    return {cue: value for cue, value in values.items() if rng.random() < params.synergy}


def shared_shadows(findings: Set[str], cues: Cues) -> Places:
    """Find the places of a study's shared shadows, by the finding that each one shows."""
    return {
        finding: pair.place(finding, cues[pair.cue])
        for pair in PAIRS
        if pair.cue in cues and len(findings & {*pair.findings}) == 1
        for finding in findings & {*pair.findings}
    }
