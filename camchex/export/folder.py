"""Export of a trained model as one folder, with all that belongs to it and a reference study."""

import os
import shutil
from pathlib import Path

from camchex.contract import files
from camchex.errors import ModelError
from camchex.export.onnx_file import FILE as ONNX
from camchex.export.onnx_file import write_onnx
from camchex.export.reference import onnx_difference, read_reference, write_reference
from camchex.fusion.camchex import TOKENIZER, CaMChex
from camchex.networks.hub import WEIGHTS
from camchex.networks.model_files import own_file
from camchex.scores.calibration_file import FILE, beside, read_calibration
from camchex.views import view_classifier

CARD = "README.md"
CARDS = "cards"
CONFIG = "config.json"
PARTS = (CONFIG, WEIGHTS, TOKENIZER)
"""Files that a model is read from."""


def export_model(model: Path, out: Path, *, onnx: bool = False) -> list[str]:
    """Copy a model and what belongs to it into one folder, as the Hugging Face Hub has it.

    ``model`` is a folder of ``train_fusion``; ``out`` is new or empty, and is there only once it is
    complete. Nothing else that lies in ``model`` is handed on. With ``onnx``, an ONNX file is
    added, which must give the probabilities of the reference study.

    Returns:
        Names of the files in ``out``.

    Raises:
        DataError: If the calibration is damaged, or of a model of other classes.
        ModelError: If the model, its calibration or its card is missing, the model or its view
            classifier is damaged, ``out`` is not empty, or an ONNX file that agrees cannot be
            written.
    """
    calibration, card = _with_what_belongs(model)
    if os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out}: exists and is not an empty folder. Name a new one.")
    network = CaMChex.from_pretrained(model)
    read_calibration(calibration).calibrated(dict.fromkeys(network.classes, 0.5))
    seen = view_classifier.read_view_classifier(view_classifier.beside(model))

    def write(empty: Path) -> None:
        # Contents alone: files that DVC links are read-only.
        for name in PARTS:
            shutil.copyfile(own_file(model, name), empty / name)
        shutil.copyfile(calibration, empty / FILE)
        shutil.copyfile(card, empty / CARD)
        if seen:
            view_classifier.write_view_classifier(seen, empty / view_classifier.FOLDER)
        if onnx:
            write_onnx(network, empty / ONNX)
        write_reference(empty)
        if onnx:
            _require_agreement(empty)

    files.publish_folder(out, write)
    return sorted(path.name for path in out.iterdir())


def _with_what_belongs(model: Path) -> tuple[Path, Path]:
    """Find the calibration and the card of a model, or raise a ModelError that says what is not."""
    calibration = beside(model)
    card = files.beside(model, CARD, f"{CARDS}/{{name}}.md")
    makers = {model / CONFIG: "train_fusion", calibration: "evaluate", card: "report"}
    for path, maker in makers.items():
        if not path.is_file():
            raise ModelError(f"{path}: no such file. `dvc repro {maker}` makes it.")
    return calibration, card


def _require_agreement(folder: Path) -> None:
    """Raise a ModelError unless the ONNX file of a model folder computes what torch does."""
    known = read_reference(folder)
    difference = onnx_difference(CaMChex.from_pretrained(folder), folder, known)
    if difference is None or difference > known.tolerance:
        raise ModelError(
            f"{ONNX}: its probabilities differ from torch's by {difference}, more than "
            f"{known.tolerance}, so nothing was exported. Export without --onnx"
        )
