"""Contact sheets of the synthetic cohort, for people to look at."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.emergency import draw_vital_signs
from camchex.synthetic.people.indication import write_indication
from camchex.synthetic.people.patients import Study, invent_studies
from camchex.synthetic.phantom.anatomy import Chest, grow_chest
from camchex.synthetic.phantom.radiological_signs import RADIOLOGICAL_SIGNS, with_findings
from camchex.synthetic.phantom.rendering import draw_images
from camchex.synthetic.phantom.xray import Site, View, aim, attenuation, expose
from camchex.synthetic.random_streams import stream

PIXELS = 256  # side of a finding's image
SHOWN = 0.9  # severity of a finding's image
STRAIGHT = 0.3  # how far from straight the finding sheet's patient stands
CAPTION = 66  # characters of a line
VIEWS: tuple[View, ...] = ("PA", "LATERAL")
Panel = tuple[NDArray[np.uint8], str]
"""An image, and its caption."""


def contact_sheet(params: SyntheticParams, studies: int, out: Path) -> None:
    """Draw studies with a frontal and a lateral image, and what is known of each.

    Indication and vital signs are each study's own, whatever their informativeness.

    Args:
        params: The section ``synthetic``.
        studies: Number of studies.
        out: The PNG.
    """
    split = invent_studies(params, "train", params.studies.train, params.prevalence)
    chosen = [study for study in split if study.views[1:] == ("LATERAL",)][:studies]
    panels = []
    for study in chosen:
        images = []
        for image in draw_images(study, params, Site()):
            missing = image.shape[0] - image.shape[1]
            images.append(np.pad(image, ((0, 0), (missing // 2, missing - missing // 2))))
        panels.append((np.hstack(images), _caption(study, params)))
    _write_sheet(panels, out, columns=4, inches=(4.2, 3.2))


def finding_sheet(params: SyntheticParams, out: Path) -> None:
    """Draw every finding alone, from the front and the side, beside the body without it.

    Args:
        params: The section ``synthetic``; its ``signal`` scales the radiological signs.
        out: The PNG.
    """
    body = grow_chest(stream(params.seed, "finding sheet"), "M")
    without = {view: _expose(body, view, params) for view in VIEWS}
    panels = []
    for finding in sorted(RADIOLOGICAL_SIGNS):
        rng = stream(params.seed, "finding sheet", finding)
        ill = with_findings(body, {finding: SHOWN * params.signal}, rng)
        pairs = [(without[view], _expose(ill, view, params)) for view in VIEWS]
        panels.append((np.hstack([image for pair in pairs for image in pair]), finding))
    _write_sheet(panels, out, columns=2, inches=(7.0, 1.95))


def _expose(chest: Chest, view: View, params: SyntheticParams) -> NDArray[np.uint8]:
    rng = stream(params.seed, "finding sheet", view)
    integrals = attenuation(chest, aim(view, (PIXELS, PIXELS), rng, STRAIGHT))
    shown = expose(integrals, Site(collimated=0), params.noise, rng)
    return np.asarray(np.round(shown * 255), np.uint8)


def _caption(study: Study, params: SyntheticParams) -> str:
    """Write findings with their severity, indication, and vital signs."""
    rng = stream(params.seed, "indication", study.study_id)
    values = draw_vital_signs(study, stream(params.seed, "preview", study.study_id))
    findings = (f"{name} {severity:.1f}" for name, severity in study.severities.items())
    parts = [
        f"[{study.condition}] {', '.join(findings) or 'No Finding'}",
        write_indication(study.patient, study, rng).text,
        "  ".join(f"{name} {value:.0f}" for name, value in values.items()),
    ]
    return "\n".join(line for part in parts for line in textwrap.wrap(part, CAPTION))


def _write_sheet(
    panels: Sequence[Panel], out: Path, columns: int, inches: tuple[float, float]
) -> None:
    """Write panels, each of ``inches`` width and height with its caption, in so many columns."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    size = (inches[0] * columns, inches[1] * rows)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for place, (image, caption) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.set_axis_off()
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        text = caption.replace("$", r"\$")
        axes.set_title(text, fontsize=7, loc="left", family="DejaVu Sans", parse_math=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, format="png", metadata={"Software": None})
