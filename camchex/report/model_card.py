"""A card for each trained model: Hugging Face metadata and Markdown, from the report's inputs.

It is the README.md of a published model. The weights are another stage's output, so the cards
stand in a folder of their own, as the calibrations do; `camchex export` puts all three together.
"""

from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from camchex.contract.files import write_text
from camchex.report.facts.people import AGE, RACE, gaps, groups_of
from camchex.report.facts.trainings import trained, training_settings
from camchex.report.inputs import IMAGE_RUNS, ReportInputs
from camchex.report.leakage import leak_sentence
from camchex.report.render import render
from camchex.report.seed_rows import SUBGROUP, join_gaps, join_rows
from camchex.scores.decisions import MEAN
from camchex.scores.groups import SEX

NAMES = {"mAP": "mean average precision", "AUROC": "macro AUROC"}
METRICS = {"mAP": "mean_average_precision", "AUROC": "roc_auc"}


def write_cards(inputs: ReportInputs, folder: Path) -> None:
    """Write the card of every seed's model, ``seed<s>.md``."""
    for seed in inputs.seeds:
        write_text(folder / f"seed{seed}.md", model_card(inputs, seed))


def model_card(inputs: ReportInputs, seed: int) -> str:
    """Write the card of one model: YAML between two lines of dashes, then Markdown."""
    made_by = (*IMAGE_RUNS, f"fusion_seed{seed}")  # the trainings behind this model
    groups = join_rows(inputs.subgroups, SUBGROUP)
    return render(
        "card.md",
        metadata=card_data(inputs, seed).to_yaml(),
        seed=seed,
        names=NAMES,
        synthetic=inputs.synthetic,
        dataset=_dataset(inputs),
        results=inputs.seeds[seed]["details"][0],
        calibration=inputs.seeds[seed]["calibration"],
        summary=inputs.summary,
        audit=inputs.audit,
        cohort=inputs.data["cohort"],
        level=inputs.level,
        leak_sentence=leak_sentence(inputs.audit),
        remarks={run: inputs.remarks[run] for run in made_by if run in inputs.remarks},
        provenance=inputs.provenance,
        sex=groups_of(groups, SEX),
        race=groups_of(groups, RACE),
        age=groups_of(groups, AGE),
        gaps=gaps(groups),
        sensitivities=[row for row in join_gaps(inputs.gaps) if row[0][2] == MEAN],
        trained=[row for row in trained(inputs) if row[0] in made_by],
        machines=sorted({inputs.machines[run] for run in made_by if run in inputs.machines}),
        settings=training_settings(inputs.provenance.settings),
    )


def card_data(inputs: ReportInputs, seed: int) -> ModelCardData:
    """Metadata that the Hub reads: what the model is, and its scores on the test studies."""
    results = inputs.seeds[seed]["details"][0]
    tags = ["chest-x-ray", "multi-label-classification", "multimodal", "not-a-medical-device"]
    return ModelCardData(
        language="en",
        library_name="camchex",
        pipeline_tag="image-classification",
        tags=[*tags, "synthetic-data"] if inputs.synthetic else tags,
        model_name=f"camchex-seed{seed}",
        eval_results=[
            EvalResult(
                task_type="image-classification",
                task_name="Findings on chest X-rays",
                dataset_type=inputs.summary["data"],
                dataset_name=_dataset(inputs),
                dataset_split="test",
                metric_type=METRICS[score],
                metric_name=f"{NAMES[score]} per {level}",
                metric_value=results[level][score],
            )
            for level in ("study", "image")
            for score in NAMES
            if results[level][score] is not None
        ],
        license="mit" if inputs.synthetic else "other",
        license_name=None if inputs.synthetic else "that-of-the-data-it-was-trained-on",
    )


def _dataset(inputs: ReportInputs) -> str:
    if inputs.synthetic:
        return f"synthetic cohort of camchex, labels in the layout of {inputs.labels}"
    return f"a cohort in the layout of MIMIC-CXR-JPG and MIMIC-IV-ED, labels {inputs.labels}"
