"""Export of a trained model as one folder, with all that belongs to it and a reference study."""

import shutil
from pathlib import Path

from camchex.contract import files
from camchex.errors import ModelError
from camchex.export.onnx_file import FILE as ONNX
from camchex.export.onnx_file import write_onnx
from camchex.export.reference import FOLDER as REFERENCE
from camchex.export.reference import onnx_difference, read_reference, write_reference
from camchex.fusion.camchex import CaMChex
from camchex.scores.calibration_file import FILE, beside
from camchex.views import view_classifier

CARD = "README.md"
CARDS = "cards"
CONFIG = "config.json"


def export_model(model: Path, out: Path, *, onnx: bool = False) -> list[str]:
    """Copy a model and what belongs to it into one folder, as the Hugging Face Hub has it.

    ``model`` is a folder of ``train_fusion``; ``out`` is new or empty. With ``onnx``, an ONNX file
    is added, which must give the probabilities of the reference study.

    Returns:
        Names of the files in ``out``.

    Raises:
        ModelError: If the model, its calibration or its card is missing, its view classifier is
            damaged, ``out`` is not empty, or an ONNX file that agrees cannot be written.
    """
    card = files.beside(model, CARD, f"{CARDS}/{{name}}.md")
    calibration = beside(model)
    makers = {model / CONFIG: "train_fusion", calibration: "evaluate", card: "report"}
    for path, maker in makers.items():
        if not path.exists():
            raise ModelError(f"{path}: no such file. `dvc repro {maker}` makes it.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out}: exists and is not an empty folder. Name a new one.")
    # Contents alone: files that DVC links are read-only.
    # What an earlier export added is made anew.
    added = shutil.ignore_patterns(REFERENCE, ONNX, view_classifier.FOLDER)
    shutil.copytree(model, out, ignore=added, copy_function=shutil.copyfile, dirs_exist_ok=True)
    shutil.copyfile(calibration, out / FILE)
    shutil.copyfile(card, out / CARD)
    views = view_classifier.beside(model)
    if view_classifier.read_view_classifier(views):
        shutil.copytree(views, out / view_classifier.FOLDER, copy_function=shutil.copyfile)
    if onnx:
        write_onnx(CaMChex.from_pretrained(out), out / ONNX)
    write_reference(out)
    if onnx:
        _require_agreement(out)
    return sorted(path.name for path in out.iterdir())


def _require_agreement(folder: Path) -> None:
    """Raise a ModelError unless the ONNX file of a model folder computes what torch does."""
    known = read_reference(folder)
    difference = onnx_difference(CaMChex.from_pretrained(folder), folder, known)
    if difference is None or difference > known.tolerance:
        (folder / ONNX).unlink()
        raise ModelError(
            f"{folder / ONNX}: its probabilities differ from torch's by {difference}, more than "
            f"{known.tolerance}, so it was removed. Export without --onnx"
        )
