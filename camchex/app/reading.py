"""What one model says of a study that a visitor entered, as pieces of a page.

Only the process that holds the model imports this.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from camchex.app.about import About
from camchex.app.examples import draw_examples
from camchex.app.form import Form, Upload
from camchex.app.memory import memory_files, with_names
from camchex.app.pages import Bar, Mark, numbers_page
from camchex.contract.files import sha256
from camchex.errors import CamchexError, DataError
from camchex.explanations.explain import Explanation, ModelAtHand, explain_study
from camchex.explanations.offered import EVIDENCE, read_evidence
from camchex.explanations.page import sections, style
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.calibrated import Calibrated
from camchex.many_studies.dicom_folder import judge, read_header
from camchex.many_studies.ensemble import load_ensemble
from camchex.many_studies.reading import ReadStudy, read_study
from camchex.networks.hub import WEIGHTS
from camchex.prediction.one_study import StudyInput
from camchex.scores.calibration_file import RULES


class TriedModel:
    """A model with what belongs to it.

    Args:
        folder: Folder of a trained model, or of an export.
        calibration: A calibration in the place of that of the model.
        evidence: Which explanations are shown; None: the demo's evidence.

    Raises:
        DataError: If calibration or evidence cannot be read.
        ModelError: If the model is missing or damaged.
    """

    def __init__(
        self, folder: Path, calibration: Path | None = None, evidence: Path | None = None
    ) -> None:
        self.evidence = read_evidence(evidence or EVIDENCE)
        self.ensemble = load_ensemble([folder], calibration)
        (member,) = self.ensemble.members
        self.name, self.calibration = member.name, member.calibration
        self.model = ModelAtHand(
            member.model, sha256(folder / WEIGHTS), member.calibration, self.ensemble.classifier
        )

    def about(self) -> About:
        """What the page says before anything is entered."""
        return About(
            name=self.name,
            inputs=self.model.network.config.fusion.inputs,
            classes=len(self.ensemble.classes),
            calibrated=self.calibration is not None,
            decides_views=self.ensemble.classifier is not None,
            examples=draw_examples(),
            style=style(),
        )

    def numbers(self, form: Form) -> tuple[str, str]:
        """Predict all findings.

        Returns:
            A piece of a page, and the most probable finding.

        Raises:
            DataError: If the study cannot be read, or has nothing to go on.
        """
        with memory_files([image.content for image in form.images]) as paths:
            names = _names(form, paths)
            with _naming(names):
                read = self._read(form, paths)
                ((found,),) = self.ensemble.predict([read])
        bars = self._bars(found)
        html = numbers_page(
            bars,
            calibrated=self.calibration is not None,
            missing=read.missing(self.ensemble.how.inputs),
            images=[(names[image.path], f"{image.view} ({image.source})") for image in read.images],
            notes=[with_names(note, names) for note in read.notes],
        )
        return html, bars[0].finding

    def reasons(self, form: Form, finding: str) -> str:
        """Explain one finding: a piece of a page.

        Raises:
            DataError: If the study cannot be read, or the model knows no such finding.
        """
        with memory_files([image.content for image in form.images]) as paths:
            names = _names(form, paths)
            with _naming(names):
                asked = self._read(form, paths).asked
                images = [(image.path, image.view) for image in asked.images if image.view]
                study = StudyInput(images, asked.indication, asked.vitals, asked.gender)
                found = explain_study(self.model, study, [finding], self.evidence)
        return sections(_renamed(found, names))

    def _read(self, form: Form, paths: Sequence[Path]) -> ReadStudy:
        images = tuple(map(_asked, form.images, paths))
        asked = AskedStudy("", 1, images, form.indication, form.vitals or {}, form.gender)
        read = read_study(asked, self.ensemble.how)
        if not read.is_whole:
            raise DataError(read.refusal or read.problem)
        return read

    def _bars(self, found: Calibrated) -> list[Bar]:
        limits = self.calibration.thresholds if self.calibration else {}
        ranked = sorted(found.probabilities.items(), key=lambda item: (-item[1], item[0]))
        return [
            Bar(
                finding,
                probability,
                [
                    Mark(rule, at, found.decisions[finding][rule])
                    for rule in RULES
                    if (at := limits.get(finding, {}).get(rule)) is not None
                ],
            )
            for finding, probability in ranked
        ]


def _names(form: Form, paths: Sequence[Path]) -> dict[Path, str]:
    return dict(zip(paths, (image.name for image in form.images), strict=True))


def _asked(image: Upload, path: Path) -> AskedImage:
    """An image with its view: as the visitor says, else as the header of DICOM says."""
    header = read_header(path)
    if isinstance(header, str):  # not DICOM, or damaged, which the decoder will say
        return AskedImage(path, image.view)
    judged = judge(header, path)
    if isinstance(judged, str):
        raise DataError(f"{path}: not read: {judged}. Leave it out.")
    return AskedImage(path, image.view) if image.view else judged


@contextmanager
def _naming(names: Mapping[Path, str]) -> Iterator[None]:
    """Say the names of files in errors, where readers say paths."""
    try:
        yield
    except CamchexError as error:
        raise DataError(with_names(str(error), names)) from error


def _renamed(found: Explanation, names: Mapping[Path, str]) -> Explanation:
    return replace(
        found,
        findings=[
            replace(
                one,
                images=[replace(image, path=Path(names[image.path])) for image in one.images],
            )
            for one in found.findings
        ],
        notes={Path(names[path]): said for path, said in found.notes.items()},
    )
