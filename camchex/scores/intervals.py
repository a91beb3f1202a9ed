"""The intervals of one model's scores, from its resamples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camchex.scores.bootstrap import Resampled, bootstrap, bounds, draw_patients, mean_over
from camchex.scores.metrics import ClassScore, Floats, macro
from camchex.scores.params import BootstrapParams
from camchex.scores.scored import Split

Scores = Mapping[str, ClassScore]


@dataclass(frozen=True)
class Resamples:
    """The same scores with other patients drawn, per study and per image.

    Attributes:
        study: Of every class and resample.
        image: The same, a study counting once for each of its images.
        level: Share of the resamples within an interval.
    """

    study: Resampled
    image: Resampled
    level: float

    def spread(self, classes: Sequence[str]) -> dict[str, "Spread"]:
        """Of each level."""
        return {
            "study": Spread(self.study, tuple(classes), self.level),
            "image": Spread(self.image, tuple(classes), self.level),
        }


def resample(
    test: Split, probabilities: Floats, params: BootstrapParams, workers: int = 1
) -> Resamples:
    """Score the test studies again with their patients drawn with replacement.

    Args:
        test: The test studies.
        probabilities: Theirs, (N, Q).
        params: How often, and from which seed: two models are scored on the same draws.
        workers: Threads.
    """
    draws = draw_patients(test.patients, params.resamples, params.seed)
    study = bootstrap(test.labels, probabilities, draws, None, workers)
    image = bootstrap(test.labels, probabilities, draws, test.images, workers)
    return Resamples(study, image, params.level)


@dataclass(frozen=True)
class Spread:
    """Intervals of one level (study or image), as they stand beside the scores.

    Attributes:
        resampled: None: there are no intervals.
        classes: Of its columns.
        level: Share of the resamples within an interval.
    """

    resampled: Resampled | None
    classes: tuple[str, ...]
    level: float

    def of_class(
        self, name: str, score: ClassScore, min_cell: int
    ) -> dict[str, list[float] | None]:
        """Of one class; none of a small one."""
        if self.resampled is None:
            return {}
        at = self.classes.index(name)
        ap, auroc = self.resampled.ap[:, at], self.resampled.auroc[:, at]
        if score.is_small(min_cell):
            return {"AP_interval": None, "AUROC_interval": None}
        return {
            "AP_interval": bounds(ap, self.level, score.ap),
            "AUROC_interval": bounds(auroc, self.level, score.auroc),
        }

    def of_mean(self, scores: Scores, *, hidden: bool = False) -> dict[str, list[float] | None]:
        """Of the classes that the data can score at all."""
        if self.resampled is None:
            return {}
        at = [self.classes.index(name) for name, s in scores.items() if s.ap is not None]
        mean = macro([] if hidden else scores.values())
        ap, auroc = mean_over(self.resampled.ap, at), mean_over(self.resampled.auroc, at)
        return {
            "mAP_interval": bounds(ap, self.level, mean.ap),
            "AUROC_interval": bounds(auroc, self.level, mean.auroc),
        }


NO_SPREAD = Spread(None, (), 0.0)
