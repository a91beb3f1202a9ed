"""The explanation of one study: numbers, what each input contributed, words, vital signs, maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from camchex.contract.schemas import View
from camchex.errors import DataError
from camchex.explanations import maps, texts
from camchex.explanations.answer import Answer
from camchex.explanations.contributions import INPUTS, given, shapley_values, study_worths
from camchex.explanations.offered import KINDS, Evidence, Kind
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import first_images, image_groups
from camchex.fusion.study_data import reader_of
from camchex.networks.batches import Rows
from camchex.prediction.one_study import ImageNotes, StudyInput, study_batch
from camchex.scores.calibration_file import Calibration
from camchex.texts.cleaning import clean_indication
from camchex.texts.vitals_text import MISSING, vitals_text
from camchex.views.view_classifier import ViewClassifier

MOST_PROBABLE = 3  # findings that are explained where none is asked for


@dataclass(frozen=True)
class ExplainedImage:
    """One image and the map of one finding over it.

    Attributes:
        path: The file.
        view: frontal or lateral.
        pixels: Grey levels from 0 to 1 as the model reads them, (H, W).
        raised: By how much the place raised the number, log-odds, at least 0, (H, W).
    """

    path: Path
    view: View
    pixels: NDArray[np.float32]
    raised: NDArray[np.float64]

    @property
    def peak(self) -> tuple[float, float] | None:
        """Where the map is largest, from left and from top as shares of the sides, if anywhere."""
        if not self.raised.max() > 0:
            return None
        row, column = np.unravel_index(int(self.raised.argmax()), self.raised.shape)
        height, width = self.raised.shape
        return (float(column) + 0.5) / width, (float(row) + 0.5) / height


@dataclass(frozen=True)
class ExplainedFinding:
    """One finding of a study; all effects in log-odds of the probability that is shown.

    Attributes:
        finding: The finding.
        probability: Of the whole study, calibrated where there is a calibration.
        without_anything: The probability where the model is given nothing.
        left_out: The probability without one of the inputs that the study has, by input.
        contributions: Of each of the four inputs, or of ``images`` in the place of both views
            where their split is not shown; they add up to the difference of the two.
        words: Words of the indication as the model reads it, each with its effect.
        vitals: Title, value and effect of each vital sign that is known.
        images: Images with maps.
        not_shown: Reason, by kind of explanation, where one is not shown.
    """

    finding: str
    probability: float
    without_anything: float
    left_out: Mapping[str, float] = field(default_factory=dict)
    contributions: Mapping[str, float] = field(default_factory=dict)
    words: Sequence[tuple[str, float]] = ()
    vitals: Sequence[tuple[str, str, float]] = ()
    images: Sequence[ExplainedImage] = ()
    not_shown: Mapping[Kind, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """The explanation of one study.

    Attributes:
        findings: The findings, in the order asked for, or most probable first.
        missing: Inputs that the study lacks.
        calibrated: Whether probabilities are calibrated.
        same_model: Whether the evidence is of this very model.
        evidence: What the explanations are known by.
        notes: Decisions on images, by file.
    """

    findings: Sequence[ExplainedFinding]
    missing: Sequence[str]
    calibrated: bool
    same_model: bool
    evidence: Evidence
    notes: Mapping[Path, Sequence[str]]


@dataclass(frozen=True)
class ModelAtHand:
    """A model with what belongs to it.

    Attributes:
        network: The model.
        sha256: Digest of its weights.
        calibration: Its calibration, if it has one.
        classifier: Its view classifier, if it has one.
    """

    network: CaMChex
    sha256: str
    calibration: Calibration | None = None
    classifier: ViewClassifier | None = None

    def slope(self, finding: str) -> float:
        """By how much calibration stretches the log-odds of a finding."""
        return self.calibration.classes[finding].slope if self.calibration else 1.0

    def intercept(self, finding: str) -> float:
        """What calibration adds to the log-odds of a finding."""
        return self.calibration.classes[finding].intercept if self.calibration else 0.0


def explain_study(
    model: ModelAtHand, study: StudyInput, findings: Sequence[str], evidence: Evidence
) -> Explanation:
    """Explain some findings of a study, by methods that beat their baselines for the finding.

    Args:
        model: The model.
        study: The study; the view of every image is known.
        findings: Names of the findings; none: the ``MOST_PROBABLE`` first.
        evidence: Which explanations are shown.

    Raises:
        DataError: If the model knows no such finding, an image cannot be read, or a vital sign is
            not one.
        ModelError: If the study has nothing that the model reads.
    """
    network = model.network
    network.eval()
    _require_known(findings, network.classes)
    notes: ImageNotes = {}
    answer = Answer(network, study_batch(network, study, notes, model.classifier))
    worth = study_worths(network, study, model.classifier)
    whole, empty = worth[frozenset(INPUTS)], worth[frozenset()]
    contributed = shapley_values(worth, INPUTS)
    asked = list(dict.fromkeys(findings)) or _most_probable(model, whole)
    has, explained = given(study), []
    for name in asked:
        place, slope = network.classes.index(name), model.slope(name)
        shift = model.intercept(name)
        not_shown = _not_shown(evidence, name, study)
        explained.append(
            ExplainedFinding(
                finding=name,
                probability=float(expit(shift + slope * whole[place])),
                without_anything=float(expit(shift + slope * empty[place])),
                left_out={
                    one: float(expit(shift + slope * worth[frozenset(INPUTS) - {one}][place]))
                    for one in has
                },
                contributions=_contributions(slope * contributed[:, place], not_shown),
                words=()
                if "words" in not_shown
                else _words(answer, study, place, slope, evidence.methods["words"]),
                vitals=()
                if "vitals" in not_shown
                else _vitals(answer, study, place, slope, evidence.methods["vitals"]),
                images=()
                if "maps" in not_shown
                else _images(answer, study, place, slope, evidence.methods["maps"]),
                not_shown=not_shown,
            )
        )
    return Explanation(
        findings=explained,
        missing=[name for name in INPUTS if name not in has],
        calibrated=model.calibration is not None,
        same_model=evidence.model_sha256 == model.sha256,
        evidence=evidence,
        notes=notes,
    )


def _contributions(
    contributed: NDArray[np.float64], not_shown: Mapping[Kind, str]
) -> dict[str, float]:
    """Name what each input contributed, (4,); views that are not told apart are added up."""
    if "contributions" in not_shown:
        return {}
    found: dict[str, float] = dict(zip(INPUTS, contributed.tolist(), strict=True))
    if "views" not in not_shown:
        return found
    return {"images": found.pop("frontal") + found.pop("lateral"), **found}


def images_read(network: CaMChex, study: StudyInput) -> Rows:
    """The images of a study that are read, in the order of ``study_batch``: positions."""
    lateral = np.array([view == "lateral" for _, view in study.images], dtype=bool)
    most = reader_of(network).max_images
    if network.config.fusion.beyond_max_images == "average" and most:
        return np.concatenate(image_groups(lateral, most))
    return first_images(lateral, most)


def _require_known(findings: Sequence[str], classes: Sequence[str]) -> None:
    for name in findings:
        if name not in classes:
            raise DataError(f"finding {name!r}: the model knows {', '.join(classes)}")


def _most_probable(model: ModelAtHand, whole: NDArray[np.float64]) -> list[str]:
    shown = {
        name: model.intercept(name) + model.slope(name) * value
        for name, value in zip(model.network.classes, whole, strict=True)
    }
    return sorted(shown, key=lambda name: (-shown[name], name))[:MOST_PROBABLE]


def _not_shown(evidence: Evidence, finding: str, study: StudyInput) -> dict[Kind, str]:
    """Why which kinds of explanation are not shown; also: the study has nothing of the kind."""
    has = given(study)
    lacks: dict[Kind, str] = {}
    if not {"frontal", "lateral"} & set(has):
        lacks["maps"] = "the study has no image"
    if "indication" not in has:
        lacks["words"] = "the study has no indication"
    if "vitals" not in has:
        lacks["vitals"] = "the study has no vital signs"
    if not {"frontal", "lateral"} <= set(has):
        lacks["views"] = ""  # there is nothing to split
    why = {kind: lacks.get(kind, evidence.why_not(kind, finding)) for kind in KINDS}
    return {kind: said for kind, said in why.items() if said}


def _both_texts(answer: Answer, study: StudyInput) -> tuple[str | None, str]:
    cleaner = answer.model.config.preparation.cleaner
    indication = clean_indication(study.indication or "", cleaner)
    return indication, vitals_text(study.vitals or {}, study.gender)


def _words(
    answer: Answer, study: StudyInput, place: int, slope: float, method: str
) -> list[tuple[str, float]]:
    both = _both_texts(answer, study)
    effects = texts.WORDS[method](answer, both, [place])[0] * slope
    return list(zip(texts.words_of(both[0]), effects.tolist(), strict=True))


def _vitals(
    answer: Answer, study: StudyInput, place: int, slope: float, method: str
) -> list[tuple[str, str, float]]:
    both = _both_texts(answer, study)
    effects = texts.VITALS[method](answer, both, [place])[0] * slope
    return [
        (title, value, effect)
        for (title, value), effect in zip(texts.fields_of(both[1]), effects.tolist(), strict=True)
        if value != MISSING
    ]


def _images(
    answer: Answer, study: StudyInput, place: int, slope: float, method: str
) -> list[ExplainedImage]:
    found = []
    for number, position in enumerate(images_read(answer.model, study)):
        path, view = study.images[position]
        image = answer.batch.images[number, 0].cpu().numpy()
        signed = maps.METHODS[method](answer, number, [place])[0] * slope
        found.append(ExplainedImage(path, view, image, np.maximum(signed, 0)))
    return found
