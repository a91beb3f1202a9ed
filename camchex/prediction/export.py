"""Export of a trained model as one folder, with its calibration, view classifier and card."""

import shutil
from pathlib import Path

from camchex.errors import ModelError
from camchex.scores.calibration_file import FILE, beside
from camchex.views import view_classifier

CARD = "README.md"
CARDS = "cards"
CONFIG = "config.json"


def export_model(model: Path, out: Path) -> list[str]:
    """Copy a model and what belongs to it into one folder, as the Hugging Face Hub has it.

    ``model`` is a folder of ``train_fusion``; ``out`` is new or empty.

    Returns:
        Names of the files in ``out``.

    Raises:
        ModelError: If the model, its calibration or its card is missing, its view classifier is
            damaged, or ``out`` is not empty.
    """
    card = model.parent.parent / CARDS / f"{model.name}.md"
    calibration = beside(model)
    makers = {model / CONFIG: "train_fusion", calibration: "evaluate", card: "report"}
    for path, maker in makers.items():
        if not path.exists():
            raise ModelError(f"{path}: no such file. `dvc repro {maker}` makes it.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out}: exists and is not an empty folder. Name a new one.")
    # Contents alone: files that DVC links are read-only.
    shutil.copytree(model, out, copy_function=shutil.copyfile, dirs_exist_ok=True)
    shutil.copyfile(calibration, out / FILE)
    shutil.copyfile(card, out / CARD)
    views = view_classifier.beside(model)
    if view_classifier.read_view_classifier(views):
        shutil.copytree(views, out / view_classifier.FOLDER, copy_function=shutil.copyfile)
    return sorted(path.name for path in out.iterdir())
