"""Whole configurations: params.yaml validated at once, and the profiles in profiles/.

A profile is a complete params.yaml, and is used by copying it. So DVC, git and a reader see every
value in one file, and no values are merged unseen.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from camchex.comparisons.parameters import LOCAL, parameter_differences
from camchex.contract import params
from camchex.contract.files import whole_file
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import LabelParams
from camchex.contract.params import PARAMS, Section, unique
from camchex.errors import ParamsError
from camchex.fusion.params import TextParams
from camchex.fusion.section import FusionParams
from camchex.networks.params import EncoderParams
from camchex.noisy_student.params import NoisyStudentParams, ViewFinetuningParams
from camchex.prediction.params import PredictionParams
from camchex.runs.runtime import RuntimeParams
from camchex.scores.params import AuditParams, EvaluationParams
from camchex.sources.params import DataParams, ExternalSets
from camchex.synthetic.params import SyntheticParams
from camchex.texts.keywords import entries
from camchex.texts.params import IndicationParams
from camchex.training.params import AugmentationParams, SharedTraining, share_training
from camchex.views.params import ViewParams
from camchex.vitals.params import VitalsParams

PROFILES = Path("profiles")
# Torch reads no larger one. DVC names models by a seed as it is written, so that 1.0 is none.
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
ROOT = re.compile(r"^(data:\n(?:[ \t]+.*\n)*?[ \t]+root:[ \t]*)[^#\n]*?([ \t]*(?:#.*)?)$", re.M)


class Params(Section):
    """The whole of params.yaml."""

    data: DataParams
    external: ExternalSets
    labels: LabelParams
    synthetic: SyntheticParams
    images: ImageParams
    indications: IndicationParams
    vitals: VitalsParams
    views: ViewParams
    encoder: EncoderParams
    augmentation: AugmentationParams
    training: SharedTraining
    noisy_student: NoisyStudentParams
    view_finetuning: ViewFinetuningParams
    text: TextParams
    fusion: FusionParams
    prediction: PredictionParams
    evaluation: EvaluationParams
    audit: AuditParams
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(unique)]
    runtime: RuntimeParams


def validate_file(path: Path = PARAMS) -> Params:
    """Read and validate a whole parameter file.

    Raises:
        ParamsError: If a value is not accepted; the message names the file and every such key. Keys
            of section ``training``, which complete other sections, are checked before all others.
    """
    try:
        shared = params.load("training", SharedTraining, path).model_dump(exclude_unset=True)
        content = share_training(params.read_file(path), Params, shared)
        found = params.validate(content, Params, where=str(path))
    except ParamsError as error:
        raise ParamsError(str(error).replace(f"{path}.", f"{path}: ")) from error
    misfits = list(_misfits(found))
    if misfits:
        raise ParamsError("\n".join(f"{path}: {misfit}" for misfit in misfits))
    return found


def _misfits(found: Params) -> Iterator[str]:
    """Yield what a late stage would refuse hours after the first, though each value is valid."""
    unlisted = [name for name in found.labels.classes if name not in entries()]
    if unlisted:
        yield (
            f"labels.space: the leakage audit needs the words for {', '.join(unlisted)}: add them "
            "to camchex/texts/keywords.yaml, with {} where there are none"
        )


def names(folder: Path = PROFILES) -> list[str]:
    """List the names of the profiles in ``folder``, in alphabetical order.

    Raises:
        ParamsError: If there are none, as outside the folder of the project.
    """
    found = sorted(path.stem for path in folder.glob("*.yaml"))
    if not found:
        raise ParamsError(f"{folder.resolve()}: no profiles. Run this in the project's folder.")
    return found


def locate(name: str, folder: Path = PROFILES) -> Path:
    """Return the file of a profile, or ``name`` itself if that is the path of a YAML file.

    Raises:
        ParamsError: If there is no such profile.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    if name not in names(folder):
        raise ParamsError(f"No profile {name!r}. There are: {', '.join(names(folder))}.")
    return folder / f"{name}.yaml"


def use(name: str, data_root: Path | None = None, target: Path = PARAMS) -> Params:
    """Copy a profile over params.yaml, comments and all.

    Args:
        name: Name of a profile, or path of a YAML file.
        data_root: New value of ``data.root``, made absolute; None: the value of the profile.
        target: The file to write, whole or not at all.

    Raises:
        ParamsError: If the profile does not exist or does not validate, or ``data_root`` cannot be
            written into it.
    """
    source = locate(name)
    validate_file(source)
    text = source.read_text("utf-8")
    if data_root is not None:
        root = json.dumps(_utf8(data_root.absolute()), ensure_ascii=False)  # quoted, for YAML
        text = ROOT.sub(lambda match: f"{match[1]}{root}{match[2]}", text, count=1)
    with whole_file(target, "w") as draft:
        draft.write(text)
        draft.flush()
        used = validate_file(Path(draft.name))
        if data_root is not None and used.data.root != data_root.absolute():
            raise ParamsError(
                f"{source}: data.root is not on a line of its own below `data:`, so it cannot be "
                f"replaced. Write {data_root.absolute()} there."
            )
        return used


def _utf8(path: Path) -> str:
    """The text of a path, which a parameter file can hold only if it is UTF-8."""
    try:
        return str(path).encode().decode()
    except UnicodeEncodeError as error:
        raise ParamsError(
            f"data.root: {str(path)!r} is not UTF-8 text, which a parameter file is. Give the "
            "folder another name, or make a link to it."
        ) from error


def unsaved(target: Path = PARAMS) -> bool:
    """Tell whether ``target`` has values that are in no profile, so that a copy would lose them.

    The folder of the data and the hardware settings (``LOCAL``) do not count.

    Raises:
        ParamsError: If ``target`` cannot be read, so that nobody knows what a copy would lose.
    """
    if not target.exists():
        return False
    try:
        params.read_file(target)
    except ParamsError as error:
        raise ParamsError(f"{error} `--overwrite` puts the profile in its place.") from error
    return all(
        any(not d.key.startswith(LOCAL) for d in parameter_differences(locate(name), target))
        for name in names()
    )
