"""Everything that the report is made of, read from the metrics and curves of the declared runs."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from camchex.aggregates.results import Results, read_results
from camchex.comparisons.parameters import Difference
from camchex.comparisons.variant_tables import SYNTHETIC, Origin
from camchex.contract.labels import LabelParams
from camchex.errors import DataError
from camchex.report.charts import Line
from camchex.report.examples import Example, Failure, read_examples
from camchex.report.explanations import ShownExplanations, read_explanations
from camchex.report.other_results import OtherResults, read_other_results
from camchex.report.summary import read_details, read_seed_metrics, summarise

GENERATIONS = range(5)  # the teacher and four students, a number that the pipeline fixes
IMAGE_RUNS = (*(f"gen{g}" for g in GENERATIONS), "frontal", "lateral")
QUANTITIES = ("train_loss", "development_mAP")
Lines = Mapping[str, Line]
CsvRow = Mapping[str, str]


@dataclass(frozen=True)
class Sources:
    """Files and folders that the report is read from.

    Attributes:
        seeds: Folder of the metrics of each seed, ``seed<s>.json``.
        audit: Metrics of the leakage audit, JSON.
        data: Folder of the counts of the stages of data, JSON.
        pseudo_labels: Folder of the quantiles of the pseudo-labels, ``gen<g>.json``.
        training: Folder of training curves, a folder for each run.
        test: Folder of curves and subgroups of the test studies, ``seed<s>/*.csv``.
        cohort: ``schemas.cohort``.
        predictions: Folder of ``seed<s>.parquet``.
        store: The prepared images.
        others: Folder of results of other pipelines, JSON; any may be missing.
    """

    seeds: Path
    audit: Path
    data: Path
    pseudo_labels: Path
    training: Path
    test: Path
    cohort: Path
    predictions: Path
    store: Path
    others: Path


@dataclass(frozen=True)
class Provenance:
    """Code, data, parameters and packages that a report was made from.

    Attributes:
        sources: Digests of code, data and parameters, by name.
        versions: Versions of Python and of the packages, by name.
        profile: Name of the profile that the parameters are nearest to.
        differs: Keys on which the parameters differ from it (``left``: the profile).
        weights: Hash of each seed's trained model; seeds without a recorded hash are left out.
        recorded_by: Command that prints the commit which recorded the page.
        settings: Sections of params.yaml that say what was trained, and how.
    """

    sources: Mapping[str, str]
    versions: Mapping[str, str]
    profile: str
    differs: Sequence[Difference]
    weights: Mapping[int, str]
    recorded_by: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportInputs:
    """Aggregates of one run of the pipeline.

    Attributes:
        seeds: Metrics of each seed's model, as :func:`camchex.scores.evaluate_model.evaluate_model`
            gives them.
        summary: Scores over all seeds, as :func:`camchex.report.summary.summarise` returns them.
        audit: Results of :func:`camchex.audit.audit.audit`.
        data: Counts of every stage of data, by the name of its file; ``cohort`` is one.
        pseudo_labels: Quantiles of the pseudo-labels, by generation.
        training: Curves by quantity (``QUANTITIES``) and run.
        machines: The machine of each training whose bytes no other machine is sure to make.
        remarks: What each training said of itself, by run: spikes, and classes still being learnt.
        precision_recall: Curves by seed and class.
        reliability: Curves by seed and kind (``camchex.scores.fit_calibration.KINDS``), all classes
            together.
        decisions: Rows of every seed's ``decisions.csv``.
        net_benefit: Rows of every seed's ``net_benefit.csv``.
        subgroups: Rows of every seed's ``subgroups.csv``, and of further characteristics.
        gaps: Rows of every seed's ``gaps.csv``, and of further characteristics.
        benchmarks: Rows of every seed's ``benchmarks.csv``.
        curated: Rows of every seed against each set of labels that people gave, by its name.
        others: Results of other pipelines.
        level: Level of the intervals, such as 0.95.
        labels: Name of the label space.
        provenance: What the report was made from.
        examples: Studies to show, only ever of the synthetic cohort.
        failures: What the model is most wrong about, only ever of the synthetic cohort.
        explanations: How often explanations hit what is known.
        simulated: The audit of simulated cohorts, ``metrics/ablations/audit_assumptions.json``.
        sizes: Numbers of trained ``parameters`` and of ``epochs``, by run; runs that wrote neither
            are left out.
    """

    seeds: Mapping[int, Results]
    summary: Results
    audit: Results
    data: Mapping[str, Results]
    pseudo_labels: Mapping[str, Results]
    training: Mapping[str, Lines]
    machines: Mapping[str, str]
    remarks: Mapping[str, Sequence[str]]
    precision_recall: Mapping[int, Lines]
    reliability: Mapping[int, Lines]
    decisions: Mapping[int, Sequence[CsvRow]]
    net_benefit: Mapping[int, Sequence[CsvRow]]
    subgroups: Mapping[int, Sequence[CsvRow]]
    gaps: Mapping[int, Sequence[CsvRow]]
    benchmarks: Mapping[int, Sequence[CsvRow]]
    curated: Mapping[str, Mapping[int, Sequence[CsvRow]]]
    others: OtherResults
    level: float
    labels: str
    provenance: Provenance
    examples: Sequence[Example] = ()
    failures: Sequence[Failure] = ()
    explanations: ShownExplanations = field(default_factory=ShownExplanations)
    simulated: Results | None = None
    sizes: Mapping[str, Results] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        """Whether all of it was measured on invented patients."""
        return bool(self.summary["data"] == SYNTHETIC)


def read_inputs(  # noqa: PLR0913 - what is read, and five facts that no file holds
    sources: Sources,
    seeds: Sequence[int],
    labels: LabelParams,
    level: float,
    *,
    curated: Iterable[str] = (),
    demographics: Iterable[str] = (),
    data: Origin,
    made_by: Mapping[str, str],
    provenance: Provenance,
) -> ReportInputs:
    """Read everything that a report shows.

    Images and predictions are opened for the synthetic cohort only, whose studies are shown.

    Args:
        sources: Where everything is.
        seeds: The declared seeds; files of other seeds are left alone.
        labels: The label space.
        level: Level of the intervals.
        curated: Names of the sets of labels that people gave to some test studies.
        demographics: Further characteristics of patients, which tables of their own tell.
        data: On what patients everything was measured.
        made_by: Command that makes each result of another pipeline.
        provenance: What the report was made from.

    Raises:
        DataError: If a file is missing, or is not what its stage writes.
    """
    metrics, audit = read_seed_metrics(sources.seeds, seeds), read_details(sources.audit)
    summary = summarise(list(metrics.values()), seeds, audit, data)
    examples, failures = (
        read_examples(sources.cohort, sources.predictions, sources.store, seeds, labels.classes)
        if data == SYNTHETIC
        else ((), ())
    )
    curves, further = sources.test, sorted(demographics)
    simulated = sources.others / "audit_assumptions.json"
    return ReportInputs(
        seeds=metrics,
        summary=summary,
        audit=audit,
        data={path.stem: read_results(path) for path in sorted(sources.data.glob("*.json"))},
        pseudo_labels={
            f"gen{g}": read_results(sources.pseudo_labels / f"gen{g}.json")
            for g in GENERATIONS[:-1]
        },
        training=read_training(sources.training, seeds),
        machines=read_machines(sources.training, seeds),
        remarks=read_remarks(sources.training, seeds),
        precision_recall=read_lines(curves, seeds, "precision_recall", "class recall precision"),
        reliability=read_lines(
            curves, seeds, "reliability_all", "probability mean_probability share_positive"
        ),
        decisions=read_seed_rows(curves, seeds, "decisions"),
        net_benefit=read_seed_rows(curves, seeds, "net_benefit"),
        subgroups=read_groups(curves, seeds, "subgroups", further),
        gaps=read_groups(curves, seeds, "gaps", further),
        benchmarks=read_seed_rows(curves, seeds, "benchmarks"),
        curated={name: read_by_seed(curves / f"curated_{name}.csv", seeds) for name in curated},
        others=read_other_results(sources.others, summary, sources.pseudo_labels, made_by),
        level=level,
        labels=labels.space if isinstance(labels.space, str) else "own labels",
        provenance=provenance,
        examples=examples,
        failures=failures,
        explanations=read_explanations(sources.others, metrics, data),
        simulated=read_results(simulated) if simulated.exists() else None,
        sizes=read_sizes(sources.training, seeds),
    )


def read_training(folder: Path, seeds: Sequence[int]) -> dict[str, Lines]:
    """Curves by quantity and run, of the declared runs only.

    A run without development score (its split has no class to score) lacks that curve.

    Raises:
        DataError: If the curves of a run are missing.
    """
    runs = declared_runs(seeds)
    for run in runs:
        if not (folder / run / f"{QUANTITIES[0]}.tsv").exists():
            raise DataError(f"{folder / run}: no curves of this training. `dvc repro` makes them.")
    return {
        quantity: {
            run: [(float(row["step"]), float(row[quantity])) for row in _rows(path, "\t")]
            for run in runs
            if (path := folder / run / f"{quantity}.tsv").exists()
        }
        for quantity in QUANTITIES
    }


def read_machines(folder: Path, seeds: Sequence[int]) -> dict[str, str]:
    """Read which of the declared runs had arithmetic of one machine only, and describe it."""
    files = {run: folder / run / "arithmetic.json" for run in declared_runs(seeds)}
    made_with = {run: read_results(path) for run, path in files.items() if path.exists()}
    return {
        run: ", ".join(f"{key} {value}" for key, value in found.items() if key != "portable")
        for run, found in made_with.items()
        if not found["portable"]
    }


def read_remarks(folder: Path, seeds: Sequence[int]) -> dict[str, list[str]]:
    """Read what the declared runs said of themselves; runs that wrote no such file are left out."""
    files = {run: folder / run / "convergence.json" for run in declared_runs(seeds)}
    return {run: read_results(path)["remarks"] for run, path in files.items() if path.exists()}


def read_sizes(folder: Path, seeds: Sequence[int]) -> dict[str, Results]:
    """Read parameters and epochs of the declared runs; runs that wrote none are left out."""
    files = {run: folder / run / "size.json" for run in declared_runs(seeds)}
    return {run: read_results(path) for run, path in files.items() if path.exists()}


def declared_runs(seeds: Sequence[int]) -> list[str]:
    """Name the folders of curves of all trainings, in the order of the pipeline."""
    return [*IMAGE_RUNS, *(f"fusion_seed{seed}" for seed in seeds)]


def read_lines(folder: Path, seeds: Sequence[int], name: str, columns: str) -> dict[int, Lines]:
    """Curves of ``seed<s>/<name>.csv`` by seed and name of the line.

    Args:
        folder: Folder of the curves of the test studies.
        seeds: The declared seeds.
        name: File name without its ending.
        columns: Columns of the line's name, of x, and of y, with spaces between.

    Raises:
        DataError: If a file is missing.
    """
    line, x, y = columns.split()
    found: dict[int, Lines] = {}
    for seed, rows in read_seed_rows(folder, seeds, name).items():
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            lines.setdefault(row[line], []).append((float(row[x]), float(row[y])))
        found[seed] = lines
    return found


def read_seed_rows(folder: Path, seeds: Sequence[int], name: str) -> dict[int, list[CsvRow]]:
    """Rows of ``seed<s>/<name>.csv`` by seed.

    Raises:
        DataError: If a file is missing.
    """
    return {seed: _rows(folder / f"seed{seed}" / f"{name}.csv", ",") for seed in seeds}


def read_groups(
    folder: Path, seeds: Sequence[int], name: str, further: Sequence[str]
) -> dict[int, list[CsvRow]]:
    """Rows of ``seed<s>/<name>.csv`` by seed, then those of ``by_<characteristic>/<name>.csv``.

    Raises:
        DataError: If a file is missing.
    """
    found = read_seed_rows(folder, seeds, name)
    for one in further:
        for seed, rows in read_by_seed(folder / f"by_{one}" / f"{name}.csv", seeds).items():
            found[seed] += rows
    return found


def read_by_seed(path: Path, seeds: Sequence[int]) -> dict[int, list[CsvRow]]:
    """Rows of a file with a column ``seed``, by seed; none where there was too little to write.

    Raises:
        DataError: If the file is missing.
    """
    rows = _rows(path, ",")
    return {seed: [row for row in rows if int(row["seed"]) == seed] for seed in seeds}


def _rows(path: Path, delimiter: str) -> list[CsvRow]:
    if not path.exists():
        raise DataError(f"{path}: no such file. `dvc repro` makes it.")
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))
