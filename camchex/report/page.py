"""The report: one HTML file that needs nothing from outside, with equal bytes for equal inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from camchex.comparisons.paper import paper_groups, paper_numbers, paper_overall
from camchex.report.ceiling_reasons import below_the_ceiling
from camchex.report.curve_charts import (
    missing_charts,
    net_benefit_charts,
    precision_recall_charts,
    reliability_charts,
    training_charts,
)
from camchex.report.filled_labels import filled_labels
from camchex.report.inputs import ReportInputs
from camchex.report.leakage import CHANGED, SETS, leak_sentence, lost_chart
from camchex.report.odd_counts import odd_counts
from camchex.report.other_results import CEILING, MISSING, TRUTH
from camchex.report.render import render
from camchex.report.seed_rows import (
    BENCHMARK,
    CURATED,
    SUBGROUP,
    join_decisions,
    join_rows,
    subgroup_chart,
)

BANNER = "SYNTHETIC COHORT: these numbers say nothing about real X-rays"
IMAGES = "images_"  # how the name of the counts of a data set's images begins
EXTERNAL = "external_"  # and of the counts of an external set's tables


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        title: Heading, and entry of the table of contents.
        content: HTML below the heading.
    """

    title: str
    content: Markup

    @property
    def anchor(self) -> str:
        """The name that a link within the page has."""
        return self.title.lower().replace(" ", "-")


def render_report(inputs: ReportInputs) -> str:
    """Write the report as one self-contained page.

    Args:
        inputs: Aggregates; example studies only if the cohort is synthetic.

    Raises:
        ValueError: If there are example studies of a cohort that is not synthetic.
    """
    if (inputs.examples or inputs.failures) and not inputs.synthetic:
        raise ValueError("example studies of real patients must not be shown")
    return render(
        "page.html",
        synthetic=inputs.synthetic,
        banner=BANNER,
        main_scores=render("main_scores.html", summary=inputs.summary, level=inputs.level),
        sections=list(_sections(inputs)),
        provenance=render(
            "provenance.html", provenance=inputs.provenance, machines=inputs.machines
        ),
    )


def _sections(inputs: ReportInputs) -> Iterator[Section]:
    summary, others, synthetic = inputs.summary, inputs.others, inputs.synthetic
    images, external = (
        {n.removeprefix(kind): found for n, found in inputs.data.items() if n.startswith(kind)}
        for kind in (IMAGES, EXTERNAL)
    )
    cohort, views = inputs.data["cohort"], inputs.data.get("mimic", {}).get("views")
    yield _section(
        "Cohort",
        "cohort",
        cohort=cohort,
        images=images,
        external=external,
        views=views,
        warnings=[text for found in inputs.data.values() if (text := found.get("warning"))],
        odd=list(odd_counts(inputs.data)),
    )
    best_first = sorted(
        summary["per_class"].items(), key=lambda item: (-(item[1]["AP"]["mean"] or 0), item[0])
    )
    yield _section("Each finding", "each_finding", classes=best_first)
    yield from _curves(inputs)
    yield _section("Frequent and rare findings", "frequency_groups", summary=summary)
    rows = join_rows(inputs.subgroups, SUBGROUP)
    yield _section("Subgroups", "subgroups", rows=rows, chart=subgroup_chart(rows))
    curated = {name: join_rows(rows, CURATED) for name, rows in inputs.curated.items()}
    rows = join_rows(inputs.benchmarks, BENCHMARK)
    yield _section("Other labels", "other_labels", rows=rows, curated=curated)
    yield _section(
        "What the score owes to the indication",
        "leakage",
        audit=inputs.audit,
        sentence=leak_sentence(inputs.audit),
        chart=lost_chart(inputs.audit),
        sets=SETS,
        changed=CHANGED,
    )
    if synthetic:
        ceiling = others.found.get(CEILING)
        found = below_the_ceiling(ceiling, cohort) if ceiling else {}
        yield _section(
            "The best possible score",
            "best_possible",
            ceiling=ceiling,
            note=others.of_another_run.get(CEILING),
            why_not=others.why_not.get(CEILING),
            **found,
        )
    missing = others.found.get(MISSING)
    yield _section(
        "What is missing",
        "missing",
        missing=missing,
        note=others.of_another_run.get(MISSING),
        why_not=others.why_not.get(MISSING),
        charts=missing_charts(missing) if missing else [],
    )
    yield _section(
        "Beside the paper",
        "beside_the_paper",
        summary=summary,
        synthetic=synthetic,
        others=others,
        paper=paper_numbers(),
        paper_groups=paper_groups(),
        paper_overall=paper_overall(),
        same_classes=set(summary["per_class"]) == set(paper_numbers()["tableA2"]),
    )
    yield _section("Training", "training", charts=training_charts(inputs), remarks=inputs.remarks)
    yield _section(
        "Pseudo-labels by generation",
        "pseudo_labels",
        synthetic=synthetic,
        truth=others.found.get(TRUTH),
        note_on_truth=others.of_another_run.get(TRUTH),
        why_no_truth=others.why_not.get(TRUTH),
        generations=list(inputs.pseudo_labels),
        sets=filled_labels(inputs.pseudo_labels),
    )
    if inputs.failures:
        yield _section("What it is most wrong about", "failures", failures=inputs.failures)
    if inputs.examples:
        yield _section("Example studies", "examples", examples=inputs.examples)


def _curves(inputs: ReportInputs) -> Iterator[Section]:
    """Sections of what is drawn by recall or by probability."""
    mean, classes = precision_recall_charts(inputs)
    yield _section("Precision and recall", "precision_recall", mean=mean, classes=classes)
    charts, found = reliability_charts(inputs), inputs.summary["calibration"]
    yield _section("Calibration", "calibration", found=found, charts=charts)
    chart, small = net_benefit_charts(inputs)
    rows = join_decisions(inputs.decisions)
    yield _section(
        "Decisions", "decisions", rows=rows, chart=chart, classes=small, level=inputs.level
    )


def _section(title: str, template: str, **data: Any) -> Section:  # noqa: ANN401 - as of render
    return Section(title, render(f"{template}.html", **data))
