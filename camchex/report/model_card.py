"""A card for each trained model: Hugging Face metadata and Markdown, from the report's facts.

It is the README.md of a published model. The weights are another stage's output, so the cards
stand in a folder of their own, as the calibrations do; `camchex export` puts all three together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from huggingface_hub import EvalResult, ModelCardData

from camchex.aggregates.results import Results
from camchex.comparisons.origin import Origin
from camchex.report.audit import reading
from camchex.report.provenance import Provenance

NAMES = {"mAP": "mean average precision", "AUROC": "macro AUROC"}
METRICS = {"mAP": "mean_average_precision", "AUROC": "roc_auc"}
SYNTHETIC = (
    "**Trained and tested on a synthetic cohort: its numbers say nothing about real X-rays, and "
    "the model is of no use on them.**"
)
NOT_A_DEVICE = (
    "Research software, **not a medical device**: not validated for any clinical use, not for "
    "diagnosis or treatment."
)
USE = (
    "Research on multi-modal classification of chest X-rays: to reproduce a result, to study what "
    "each input adds, to start from in further training. Input is a whole study (frontal and "
    "lateral images, the clinical indication, vital signs of the emergency department; each may be "
    "missing), output one probability per finding."
)
MISUSE = (
    "Not for decisions about patients, not for triage, not as a second reader. Not for children, "
    "other body parts or other modalities, which it has never seen. Not for texts other than "
    "indications: a report's findings or impression contain the labels."
)
REMEMBERS = (
    "A model may remember the patients that it was trained on: weights trained on credentialed "
    "data are to be treated as those data are."
)


@dataclass(frozen=True)
class CardFacts:
    """What a card is written from.

    Attributes:
        seed: Of the model.
        results: Of this model, as :func:`camchex.scores.evaluate.evaluate` returns them.
        calibration: Its calibration errors and temperature.
        summary: Of all seeds.
        audit: As :func:`camchex.audit.audit.audit` returns it.
        cohort: Counts of the cohort.
        labels: Name of the label space.
        level: Of the intervals, 0.95.
        provenance: What made this.
    """

    seed: int
    results: Results
    calibration: Results
    summary: Results
    audit: Results
    cohort: Results
    labels: str
    level: float
    provenance: Provenance


def model_card(facts: CardFacts) -> str:
    """Write the card of one model: YAML between two lines of dashes, then Markdown."""
    body = "\n\n".join(_body(facts))
    return f"---\n{card_data(facts).to_yaml()}\n---\n\n{body}\n"


def card_data(facts: CardFacts) -> ModelCardData:
    """The metadata that the Hub reads: what it is, and its scores on the test studies."""
    data: Origin = facts.summary["data"]
    synthetic = data == "synthetic"
    tags = ["chest-x-ray", "multi-label-classification", "multimodal", "not-a-medical-device"]
    return ModelCardData(
        language="en",
        library_name="camchex",
        pipeline_tag="image-classification",
        tags=[*tags, "synthetic-data"] if synthetic else tags,
        model_name=f"camchex-seed{facts.seed}",
        eval_results=[
            EvalResult(
                task_type="image-classification",
                task_name="Findings on chest X-rays",
                dataset_type=data,
                dataset_name=_dataset(facts),
                dataset_split="test",
                metric_type=METRICS[score],
                metric_name=f"{NAMES[score]} per {level}",
                metric_value=facts.results[level][score],
            )
            for level in ("study", "image")
            for score in NAMES
            if facts.results[level][score] is not None
        ],
        license="mit" if synthetic else "other",
        license_name=None if synthetic else "that-of-the-data-it-was-trained-on",
    )


def _dataset(facts: CardFacts) -> str:
    if facts.summary["data"] == "synthetic":
        return f"synthetic cohort of camchex, labels in the layout of {facts.labels}"
    return f"a cohort in the layout of MIMIC-CXR-JPG and MIMIC-IV-ED, labels {facts.labels}"


def _body(facts: CardFacts) -> Iterator[str]:
    synthetic = facts.summary["data"] == "synthetic"
    yield f"# camchex, seed {facts.seed}"
    if synthetic:
        yield SYNTHETIC
    yield NOT_A_DEVICE
    yield f"## Intended use\n\n{USE}\n\n{MISUSE}"
    yield (
        "```python\n"
        "from camchex.fusion.camchex import CaMChex\n\n"
        'network = CaMChex.from_pretrained("folder/of/this/card")\n'
        "```"
    )
    name = _dataset(facts)
    yield f"## Data\n\n{name[0].upper()}{name[1:]}.\n\n{_counts(facts.cohort)}"
    yield f"## Scores{' (synthetic cohort)' if synthetic else ''}\n\n{_scores(facts)}"
    yield f"### Each finding\n\n{_classes(facts)}"
    yield f"### Calibration\n\n{_calibration(facts.calibration)}"
    yield f"## What the score owes to the indication\n\n{_leakage(facts.audit)}"
    yield f"## Limits\n\n{_limits(facts)}"
    yield f"## Provenance\n\n{_provenance(facts)}"


def _counts(cohort: Results) -> str:
    keys = ("studies", "patients", "without_indication", "outside_ed_stay")
    rows = [
        [name, *(_shown(split[key]) for key in keys)] for name, split in cohort["splits"].items()
    ]
    return _table(["split", "studies", "patients", "no indication", "no emergency stay"], rows)


def _scores(facts: CardFacts) -> str:
    level = f"{100 * facts.level:g} %"
    chance = {"mAP": facts.results["mean_prevalence"], "AUROC": 0.5}
    rows = [
        [
            f"{NAMES[score]}, per {by}",
            _bounded(facts.results[by], score),
            _number(facts.summary[by][score]["sd"]),
            _number(chance[score]),
        ]
        for by in ("study", "image")
        for score in NAMES
    ]
    rule, groups = next(iter(facts.results["study"]["groups"].items()))
    rows += [
        [f"mean average precision, {group} ({rule})", _bounded(found, "mAP"), "", ""]
        for group, found in groups.items()
    ]
    seeds = len(facts.summary["seeds"])
    note = (
        f"On {_shown(facts.results['studies'])} test studies "
        f"({_shown(facts.results['images'])} images). In brackets: {level} interval over patients; "
        f"deviation: over {seeds} training{'s' if seeds > 1 else ''} with other seeds."
    )
    return f"{_table(['score', 'this model', 'deviation', 'chance'], rows)}\n\n{note}"


def _classes(facts: CardFacts) -> str:
    rows = [
        [
            name,
            _shown(row["positives"]),
            _number(row["prevalence"]),
            _bounded(row, "AP"),
            _bounded(row, "AUROC"),
        ]
        for name, row in facts.results["per_class"].items()
    ]
    return _table(["finding", "positive", "prevalence", "average precision", "AUROC"], rows)


def _calibration(found: Results) -> str:
    return (
        f"Expected calibration error {_number(found['ECE'])}, with the temperature "
        f"{_number(found['temperature'])} of `calibration.json` {_number(found['ECE_scaled'])}; "
        f"Brier score {_number(found['Brier'])} and {_number(found['Brier_scaled'])}. A "
        "probability is a score to rank by, and not a frequency; the thresholds of "
        "`calibration.json` were fitted on the development studies."
    )


def _leakage(audit: Results) -> str:
    said = [reading(audit)]
    texts = audit["texts"]
    if texts is not None:
        found = texts["surviving"]
        gain = _bounded(found, "gain")
        said.append(
            f"Texts add {gain} AUROC. "
            + (
                "That is not above what other patients would change."
                if found["share"] is None
                else f"A share of {_bounded(found, 'share')} of it is not owed to words that the "
                "labels have seen (1: all of it)."
            )
        )
    return " ".join(said)


def _limits(facts: CardFacts) -> str:
    hidden = [n for n, row in facts.results["per_class"].items() if row["AP"] is None]
    lines = [
        "Labels are mined from reports, not read from images by experts; they miss and invent "
        "findings.",
        REMEMBERS,
        "Scores of subgroups, and of other labels, are in `report.html` of the run.",
    ]
    if hidden:
        lines.append(f"Too few studies to show a score: {', '.join(hidden)}.")
    if facts.summary["data"] == "synthetic":
        lines.insert(0, "Images are drawn from an analytic body, patients are invented.")
    return "\n".join(f"- {line}" for line in lines)


def _provenance(facts: CardFacts) -> str:
    rows: list[list[str]] = [[name, f"`{value}`"] for name, value in facts.provenance.facts.items()]
    weights = facts.provenance.weights.get(facts.seed)
    if weights:
        rows.insert(0, ["weights (dvc.lock)", f"`{weights}`"])
    differs = len(facts.provenance.differs)
    rows.append(["profile", f"`{facts.provenance.profile}`, with {differs} keys changed"])
    return _table(["what", "version or hash"], rows)


def _bounded(row: Mapping[str, object], key: str) -> str:
    value, ends = row[key], row.get(f"{key}_interval")
    if not isinstance(ends, Sequence):
        return _number(value)
    return f"{_number(value)} ({_number(ends[0])} to {_number(ends[1])})"


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | int) else "not shown"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
