"""Results as JSON of FHIR: a DiagnosticReport a study, which contains its Observations.

What is written is of R4, R4B and R5 alike (https://hl7.org/fhir/diagnosticreport.html).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from camchex import NOT_A_DEVICE
from camchex.contract.files import whole_file
from camchex.many_studies.calibrated import FITTED_FOR
from camchex.many_studies.ensemble import Ensemble
from camchex.many_studies.results import thresholds_of
from camchex.scores.calibration_file import RULES

Json = dict[str, Any]
MODEL = "model"
UCUM = "http://unitsofmeasure.org"
CHEST_XRAY = {
    "coding": [{"system": "http://snomed.info/sct", "code": "399208008"}],
    "text": "Plain X-ray of chest",
}
STATUS = "preliminary"  # nobody has verified it


def write_fhir(rows: Iterable[Mapping[str, Any]], ensemble: Ensemble, path: Path) -> None:
    """Write a line of JSON for each row of the results that was predicted."""
    with whole_file(path) as file:
        for row in rows:
            file.write(json.dumps(diagnostic_report(row, ensemble)).encode() + b"\n")


def diagnostic_report(row: Mapping[str, Any], ensemble: Ensemble) -> Json:
    """Make the DiagnosticReport of one study.

    Args:
        row: A row of ``results.schema`` that was predicted.
        ensemble: The models that predicted it.
    """
    observations = [
        _observation(number, name, row, ensemble) for number, name in enumerate(ensemble.classes, 1)
    ]
    return {
        "resourceType": "DiagnosticReport",
        "contained": [_device(row), *observations],
        "identifier": [{"value": row["study_id"]}],
        "status": STATUS,
        "code": CHEST_XRAY,
        "result": [{"reference": f"#{one['id']}"} for one in observations],
        "conclusion": NOT_A_DEVICE,
    }


def _device(row: Mapping[str, Any]) -> Json:
    calibrated = zip(row["models"], row["calibrations"], strict=True)
    used = [f"model {model}, calibration {calibration}" for model, calibration in calibrated]
    return {
        "resourceType": "Device",
        "id": MODEL,
        "identifier": [{"value": model} for model in row["models"]],
        "manufacturer": "camchex",
        "modelNumber": "CaMChex",
        "version": [{"value": row["versions"]}],
        "note": [{"text": text} for text in (NOT_A_DEVICE, *used)],
    }


def _observation(number: int, name: str, row: Mapping[str, Any], ensemble: Ensemble) -> Json:
    """One finding: its probability, and yes or no at each threshold that there is."""
    found: Json = {
        "resourceType": "Observation",
        "id": f"finding{number}",
        "status": STATUS,
        "code": {"text": name},
        "valueQuantity": {"value": row[name], "unit": "probability", "system": UCUM, "code": "1"},
        "device": {"reference": f"#{MODEL}"},
        "derivedFrom": [{"type": "ImagingStudy", "identifier": {"value": row["study_id"]}}],
    }
    if notes := thresholds_of(name, ensemble):
        found["note"] = [{"text": text} for text in notes]
    if components := [*_components(name, row)]:
        found["component"] = components
    return found


def _components(name: str, row: Mapping[str, Any]) -> Iterator[Json]:
    for rule in RULES:
        if (answer := row[f"{name}.{rule}"]) is not None:
            text = f"{name} at the threshold for {FITTED_FOR[rule]}"
            yield {"code": {"text": text}, "valueBoolean": answer}
