"""The report: one HTML file that needs nothing from outside, with equal bytes for equal inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from camchex.comparisons.paper import (
    paper_group_classes,
    paper_groups,
    paper_numbers,
    paper_overall,
)
from camchex.report.ceiling_reasons import below_the_ceiling
from camchex.report.curve_charts import (
    missing_charts,
    net_benefit_charts,
    precision_recall_charts,
    reliability_charts,
    training_charts,
)
from camchex.report.explanations import KINDS
from camchex.report.facts.answers import TABLE, added_by_inputs, answers
from camchex.report.facts.people import (
    FURTHER,
    NOT_RECORDED,
    flow_of_studies,
    further_groups,
    gaps,
    groups_of,
    missing_by_split,
    missing_vital_signs,
)
from camchex.report.facts.trainings import network_settings, trained, training_settings
from camchex.report.filled_labels import filled_labels
from camchex.report.inputs import ReportInputs
from camchex.report.leakage import CHANGED, SETS, leak_sentence, lost_chart, simulated_cohorts
from camchex.report.odd_counts import odd_counts
from camchex.report.other_results import CEILING, MISSING, TRUTH
from camchex.report.render import render
from camchex.report.seed_rows import (
    BENCHMARK,
    CURATED,
    SUBGROUP,
    Joined,
    join_decisions,
    join_gaps,
    join_rows,
    subgroup_chart,
)
from camchex.scores.decisions import MEAN
from camchex.scores.groups import EMERGENCY, SEX

BANNER = "SYNTHETIC COHORT: these numbers say nothing about real X-rays"
IMAGES = "images_"  # how the name of the counts of a data set's images begins
EXTERNAL = "external_"  # and of the counts of an external set's tables
PLACES = {
    "intended use, users, limits, licence, citation": ("this section", ""),
    "setting, dates, participants, flow with counts": ("Participants", "participants"),
    "missing data": ("Participants", "participants"),
    "reference labels and their error": ("Participants", "participants"),
    "data splits, at the level of patients": ("Cohort", "cohort"),
    "preparation of images, and images left out": ("Cohort", "cohort"),
    "model, settings, hardware, kept epoch": ("Training", "training"),
    "hours of training": (NOT_RECORDED, ""),
    "sample size": (f"{NOT_RECORDED}: all studies of the published split are used", ""),
    "performance with intervals": ("Each finding", "each-finding"),
    "calibration": ("Calibration", "calibration"),
    "fairness": ("Subgroups", "subgroups"),
    "failures": ("only of invented patients are studies shown", ""),
    "bias of labels": (
        "What the score owes to the indication",
        "what-the-score-owes-to-the-indication",
    ),
    "external validation": (f"{NOT_RECORDED}: none was done", ""),
    "code, data and parameters that made it": ("Provenance", "provenance"),
}
"""Where the page has what TRIPOD+AI, CLAIM and model cards ask for: section and anchor."""


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
        first_screen=_first_screen(inputs),
        sections=list(_sections(inputs)),
        provenance=render(
            "provenance.html", provenance=inputs.provenance, machines=inputs.machines
        ),
    )


def _first_screen(inputs: ReportInputs) -> Markup:
    """What each input adds, whether the score can be believed, and how to read the page."""
    others = inputs.others
    screen = render(
        "first_screen.html",
        added=added_by_inputs(others),
        note=others.of_another_run.get(TABLE),
        why_not=others.why_not.get(TABLE, ""),
        answers=answers(
            inputs.audit, inputs.summary["calibration"], others, invented=inputs.synthetic
        ),
    )
    return screen + render("five_minutes.html")


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
    groups = join_rows(inputs.subgroups, SUBGROUP)
    yield _participants(inputs, groups)
    best_first = sorted(
        summary["per_class"].items(), key=lambda item: (-(item[1]["AP"]["mean"] or 0), item[0])
    )
    yield _section("Each finding", "each_finding", classes=best_first)
    yield from _curves(inputs)
    yield _section("Frequent and rare findings", "frequency_groups", summary=summary)
    chart = subgroup_chart(groups)
    yield _section(
        "Subgroups",
        "subgroups",
        rows=groups,
        chart=chart,
        gaps=gaps(groups),
        sensitivities=join_gaps(inputs.gaps),
        mean=MEAN,
    )
    curated = {name: join_rows(rows, CURATED) for name, rows in inputs.curated.items()}
    rows = join_rows(inputs.benchmarks, BENCHMARK)
    yield _section("Other labels", "other_labels", rows=rows, curated=curated)
    yield _section(
        "What the score owes to the indication",
        "leakage",
        audit=inputs.audit,
        sentence=leak_sentence(inputs.audit),
        chart=lost_chart(inputs.audit),
        simulated=simulated_cohorts(inputs.simulated),
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
            elsewhere=others.elsewhere.get(CEILING),
            **found,
        )
    yield _section(
        "What explanations hit", "explanations", explanations=inputs.explanations, kinds=KINDS
    )
    missing = others.found.get(MISSING)
    yield _section(
        "What is missing",
        "missing",
        missing=missing,
        note=others.of_another_run.get(MISSING),
        why_not=others.why_not.get(MISSING),
        elsewhere=others.elsewhere.get(MISSING),
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
        paper_classes=paper_group_classes(),
        paper_overall=paper_overall(),
        same_classes=set(summary["per_class"]) == set(paper_numbers()["tableA2"]),
    )
    yield _training(inputs)
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
    yield from _last(inputs, groups)


def _last(inputs: ReportInputs, groups: Joined) -> Iterator[Section]:
    """Single studies, then what the model is for, and the words of the page."""
    if inputs.failures:
        yield _section("What it is most wrong about", "failures", failures=inputs.failures)
    if inputs.examples:
        yield _section("Example studies", "examples", examples=inputs.examples)
    yield _section(
        "Intended use and limits",
        "use_and_limits",
        synthetic=inputs.synthetic,
        unseen=[name for name in FURTHER if groups_of(groups, name) == NOT_RECORDED],
        places=PLACES,
    )
    yield _section(
        "Glossary",
        "glossary",
        synthetic=inputs.synthetic,
        labels=inputs.labels,
        classes=len(inputs.summary["per_class"]),
    )


def _participants(inputs: ReportInputs, rows: Joined) -> Section:
    """Who the studies are of, what is missing, and where labels come from."""
    cohort, leak = inputs.data["cohort"], inputs.audit["leak"]
    return _section(
        "Participants",
        "participants",
        synthetic=inputs.synthetic,
        generator=inputs.provenance.settings.get("synthetic"),
        flow=flow_of_studies(inputs.data),
        splits=list(cohort["splits"]),
        missing=missing_by_split(cohort),
        vitals=missing_vital_signs(inputs.data.get("vitals", {})),
        sex=groups_of(rows, SEX),
        further=further_groups(inputs.data),
        unseen=[name for name in FURTHER if groups_of(rows, name) == NOT_RECORDED],
        emergency=groups_of(rows, EMERGENCY),
        labels=inputs.labels,
        excess=leak["ruled_out"]["excess"] if leak["found"] is not None else None,
    )


def _training(inputs: ReportInputs) -> Section:
    """Curves, settings, sizes and machines of the trainings, and what they said of themselves."""
    return _section(
        "Training",
        "training",
        charts=training_charts(inputs),
        remarks=inputs.remarks,
        trained=trained(inputs),
        machines=inputs.machines,
        settings=training_settings(inputs.provenance.settings),
        network=network_settings(inputs.provenance.settings),
    )


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
