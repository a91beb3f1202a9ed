"""Export of a trained model as one folder: weights, calibration, and the card as README.md."""

import shutil
from pathlib import Path

from camchex.errors import ModelError
from camchex.scores.calibration_file import FILE, beside

CARD = "README.md"
CARDS = "cards"
CONFIG = "config.json"


def export_model(model: Path, out: Path) -> list[str]:
    """Copy a model, its calibration and its card into one folder, as the Hugging Face Hub has it.

    ``model`` is a folder of ``train_fusion``; ``out`` is new or empty.

    Returns:
        Names of the files in ``out``.

    Raises:
        ModelError: If the model, its calibration or its card is missing, or ``out`` is not empty.
    """
    card = model.parent.parent / CARDS / f"{model.name}.md"
    calibration = beside(model)
    makers = {model / CONFIG: "train_fusion", calibration: "evaluate", card: "report"}
    for path, maker in makers.items():
        if not path.exists():
            raise ModelError(f"{path}: no such file. `dvc repro {maker}` makes it.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out}: exists and is not an empty folder. Name a new one.")
    shutil.copytree(model, out, dirs_exist_ok=True)
    shutil.copy(calibration, out / FILE)
    shutil.copy(card, out / CARD)
    return sorted(path.name for path in out.iterdir())
