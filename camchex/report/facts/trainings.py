"""How the networks were trained: settings, sizes and kept epochs, of what the trainings wrote."""

from collections.abc import Mapping
from typing import Any

from camchex.report.facts.people import text_of
from camchex.report.inputs import ReportInputs

Settings = Mapping[str, Any]
TRAININGS = {
    "teacher": ("noisy_student", "teacher"),
    "student": ("noisy_student", "student"),
    "views": ("view_finetuning", "training"),
    "fusion": ("fusion", "training"),
}
"""Each kind of training, and where params.yaml holds the keys that differ from ``training``."""
NETWORKS = {
    "images": ("size", "fit"),
    "encoder": ("backbone", "pretrained", "decoder_width"),
    "noisy_student": ("init",),
    "text": ("model", "max_tokens_indication", "max_tokens_vitals"),
    "fusion": (
        *("architecture", "inputs", "encoders", "layers", "heads", "dropout"),
        *("max_images", "freeze_encoders"),
    ),
}
"""Keys of params.yaml that say what the networks are."""


def training_settings(settings: Settings) -> dict[str, list[str]]:
    """Each key of the trainings, with its value for each of ``TRAININGS``; empty if not known."""
    if "training" not in settings:
        return {}
    own = [{**settings["training"], **settings[at].get(key, {})} for at, key in TRAININGS.values()]
    return {
        key: [text_of(values.get(key)) for values in own]
        for key in dict.fromkeys(key for values in own for key in values)
    }


def network_settings(settings: Settings) -> list[tuple[str, str]]:
    """What the networks are, as ``section.key`` and value."""
    return [
        (f"{section}.{key}", text_of(settings[section][key]))
        for section, keys in NETWORKS.items()
        for key in keys
        if key in settings.get(section, {})
    ]


def trained(inputs: ReportInputs) -> list[tuple[str, list[str]]]:
    """Each training with its trained parameters, its epochs, and the epoch that was kept."""
    scores = inputs.training.get("development_mAP", {})
    found = []
    for run, size in inputs.sizes.items():
        line = scores.get(run)
        kept = max(line, key=lambda point: point[1])[0] + 1 if line else size.get("epochs")
        found.append((run, [*map(text_of, (size.get("parameters"), size.get("epochs"), kept))]))
    return found
