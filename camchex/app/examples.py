"""Invented studies to try a model on, drawn by the generator of the synthetic cohort."""

from dataclasses import replace
from datetime import datetime
from io import BytesIO

from PIL import Image

from camchex.app.about import Example, ExampleImage
from camchex.contract.schemas import View
from camchex.export.reference import COHORT, INDICATION, STUDY, VITALS
from camchex.synthetic.people.patients import Patient, Study
from camchex.synthetic.phantom.rendering import draw_images
from camchex.synthetic.phantom.xray import Site

PNEUMONIA = replace(
    STUDY,
    study_id="50000001",
    patient=Patient("10000001", "M", 47),
    condition="infection",
    severities={"Pneumonia": 0.9, "Consolidation": 0.8, "Lung Opacity": 0.7},
)
PNEUMOTHORAX = Study(
    study_id="50000002",
    patient=Patient("10000002", "M", 24),
    split="test",
    condition="trauma",
    severities={"Pneumothorax": 0.9, "Fracture": 0.8},
    time=datetime(2150, 1, 1),  # the cohort's dates have no zone
    views=("AP",),
)
NOTHING = replace(
    STUDY,
    study_id="50000003",
    patient=Patient("10000003", "F", 35),
    condition="checkup",
    severities={},
)


def draw_examples() -> list[Example]:
    """Draw the examples, which are the same on every machine: some hundred milliseconds."""
    fever = {
        "temperature_f": 102.4,
        "heart_rate_bpm": 112.0,
        "respiratory_rate_bpm": 22.0,
        "o2_saturation_pct": 93.0,
        "systolic_bp_mmhg": 118.0,
        "diastolic_bp_mmhg": 70.0,
    }
    return [
        Example("Effusion, large heart, edema", _images(STUDY), INDICATION, VITALS, "F"),
        Example(
            "Pneumonia", _images(PNEUMONIA), "47 year old man with fever and cough", fever, "M"
        ),
        Example(
            "Pneumothorax, rib fracture", _images(PNEUMOTHORAX), "MVC, rib pain  // ?pneumothorax"
        ),
        Example("Nothing found", _images(NOTHING)),
    ]


def _images(study: Study) -> tuple[ExampleImage, ...]:
    drawn = draw_images(study, COHORT, Site())
    views: list[View] = ["lateral" if kind == "lateral" else "frontal" for kind in study.kinds]
    return tuple(
        ExampleImage(f"{study.study_id}-{view}.png", view, _png(pixels))
        for view, pixels in zip(views, map(Image.fromarray, drawn), strict=True)
    )


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
