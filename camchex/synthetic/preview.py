"""Contact sheets of the synthetic cohort, to look at."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
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

PIXELS = 256  # of a finding's image
SHOWN = 0.9  # severity of a finding's image
STRAIGHT = 0.3  # how far from straight the finding sheet's patient stands
CAPTION = 66  # characters of a line
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Grid:
    """How many panels stand in a row, and the size of one with its caption, in inches."""

    columns: int
    panel: tuple[float, float]


def contact_sheet(params: SyntheticParams, studies: int, out: Path) -> None:
    """Draw studies with a frontal and a lateral image, and what is known of each.

    Indication and vital signs are each study's own, whatever their informativeness.

    Args:
        params: The section ``synthetic``.
        studies: How many.
        out: The PNG.
    """
    split = invent_studies(params, "train", params.studies.train, params.prevalence)
    chosen = [study for study in split if study.views[1:] == ("LATERAL",)][:studies]
    panels = [
        (np.hstack([_square(image) for image in draw_images(study, params, Site())]),
         _caption(study, params))
        for study in chosen
    ]  # fmt: skip
    _sheet(panels, out, Grid(columns=4, panel=(4.2, 3.2)))


def finding_sheet(params: SyntheticParams, out: Path) -> None:
    """Draw every finding alone, from the front and the side, beside the same body without it.

    Args:
        params: The section ``synthetic``; its ``signal`` scales the signs.
        out: The PNG.
    """
    body = grow_chest(stream(params.seed, "finding sheet"), "M")
    healthy = _views(body, params)
    panels = []
    for finding in sorted(RADIOLOGICAL_SIGNS):
        rng = stream(params.seed, "finding sheet", finding)
        ill = with_findings(body, {finding: SHOWN * params.signal}, rng)
        pairs = zip(healthy, _views(ill, params), strict=True)
        panels.append((np.hstack([image for pair in pairs for image in pair]), finding))
    _sheet(panels, out, Grid(columns=2, panel=(7.0, 1.95)))


def _views(chest: Chest, params: SyntheticParams) -> list[Image]:
    views: tuple[View, ...] = ("PA", "LATERAL")
    images = []
    for view in views:
        rng = stream(params.seed, "finding sheet", view)
        integrals = attenuation(chest, aim(view, (PIXELS, PIXELS), rng, STRAIGHT))
        shown = expose(integrals, Site(collimated=0), params.noise, rng)
        images.append(np.asarray(np.round(shown * 255), np.uint8))
    return images


def _square(image: Image) -> Image:
    missing = image.shape[0] - image.shape[1]
    return np.pad(image, ((0, 0), (missing // 2, missing - missing // 2)))


def _caption(study: Study, params: SyntheticParams) -> str:
    """Findings with their severity, indication, and vital signs."""
    indication = write_indication(
        study.patient, study, stream(params.seed, "indication", study.study_id)
    )
    signs = draw_vital_signs(study, stream(params.seed, "preview", study.study_id))
    findings = (f"{name} {severity:.1f}" for name, severity in study.severities.items())
    parts = [
        f"[{study.condition}] {', '.join(findings) or 'No Finding'}",
        indication.text,
        "  ".join(f"{name} {value:.0f}" for name, value in signs.items()),
    ]
    return "\n".join(line for part in parts for line in textwrap.wrap(part, CAPTION))


def _sheet(panels: Sequence[tuple[Image, str]], out: Path, grid: Grid) -> None:
    """Write images under their captions; the bytes depend on nothing else."""
    columns = min(grid.columns, len(panels))
    rows = -(-len(panels) // columns)
    size = (grid.panel[0] * columns, grid.panel[1] * rows)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for place, (image, caption) in enumerate(panels):
        _panel(figure.add_subplot(rows, columns, place + 1), image, caption)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, format="png", metadata={"Software": None})


def _panel(axes: Axes, image: Image, caption: str) -> None:
    axes.set_axis_off()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    text = caption.replace("$", r"\$")
    axes.set_title(text, fontsize=7, loc="left", family="DejaVu Sans", parse_math=False)
