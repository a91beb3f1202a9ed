"""What only joint reading can know: shadows that two findings share (``synthetic.synergy``).

A share ``synergy`` of the studies have a cue, one for each pair of findings in ``PAIRS``, whatever
their findings are. If a study with a cue has exactly one finding of the pair, its images show the
pair's shared shadow in place of the finding's own sign. The shadow is in one of two places, and
place and cue together tell the finding:

* ``LOBE``: the cue is a fever of its own, there or not, in the vital signs. The place is the back
  or the front of a lung, which only a lateral image shows.
* ``SIDE``: the cue is the side of the symptoms, in the indication. The place is the side of the
  shadow, which only a frontal image shows.

Both values of a cue are equally likely, apart from everything else. So a place alone does not tell
which finding it is, and a cue alone tells nothing of any finding: no sum or mean of what separate
models say can tell the two apart.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.random_streams import stream

ONE, OTHER = 1, -1
"""Values of a cue and of a place: fever or none; left or right (as ``anatomy.SIDES``); back or
front."""
Places = Mapping[str, int]


@dataclass(frozen=True)
class Pair:
    """Two findings that may share a shadow."""

    findings: tuple[str, str]  # the one that is where the cue says, and the one that is not
    view: str  # kind of view that shows the place of the shadow: frontal or lateral

    def place(self, finding: str, cue: int) -> int:
        """Place of the shadow that shows a finding in a study with this cue, and the reverse.

        As a place is a cue or its opposite, this is also the cue where a finding is in a place.
        """
        return cue if finding == self.findings[0] else -cue


LOBE = Pair(("Atelectasis", "Lung Opacity"), "lateral")
SIDE = Pair(("Consolidation", "Pleural Effusion"), "frontal")
PAIRS = (LOBE, SIDE)
Cues = Mapping[Pair, int]


def draw_cues(params: SyntheticParams, study_id: str) -> Cues:
    """Draw the cues of a study, by pair; a pair without one is left out."""
    if not params.synergy:
        return {}
    rng = stream(params.seed, "synergy", study_id)
    told, values = rng.random(len(PAIRS)), rng.choice((ONE, OTHER), len(PAIRS))
    return {
        pair: int(value)
        for pair, share, value in zip(PAIRS, told, values, strict=True)
        if share < params.synergy
    }


def shared_shadows(findings: Set[str], cues: Cues) -> Places:
    """Places of the shared shadows of a study, by the finding that each one shows."""
    alone = ((pair, cue, findings & {*pair.findings}) for pair, cue in cues.items())
    return {
        finding: pair.place(finding, cue)
        for pair, cue, present in alone
        if len(present) == 1
        for finding in present
    }
