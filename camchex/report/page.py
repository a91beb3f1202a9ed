"""The report: one HTML file that needs nothing from outside, with equal bytes for equal inputs."""

from collections.abc import Iterator
from importlib.resources import files
from string import Template

from camchex.report.audit import audit_section
from camchex.report.calibration import calibration_section
from camchex.report.ceiling import ceiling_section
from camchex.report.cohort import cohort_section
from camchex.report.example_studies import example_section, failure_section
from camchex.report.inputs import ReportInputs
from camchex.report.made_of import provenance_section
from camchex.report.markup import paragraph, text, with_code
from camchex.report.other_results import CEILING
from camchex.report.paper import LEFT_OUT, beside_the_paper, variants_section
from camchex.report.results import class_bars, frequency_groups, headline, precision_recall
from camchex.report.subgroups import benchmark_section, subgroup_section
from camchex.report.training import pseudo_label_section, training_section, truth_section

TEMPLATE = "report.html"
BANNER = "SYNTHETIC COHORT: these numbers say nothing about real X-rays"
SYNTHETIC = "synthetic"
WRONG = (
    "The surest wrong predictions, in standard deviations of each finding's logits, one per study "
    "and finding; mean of the seeds. Wrong means against the published label, which has errors and "
    "leaks of its own. Invented patients."
)


def render_report(inputs: ReportInputs) -> str:
    """Write the report as one self-contained page.

    Args:
        inputs: Aggregates; example studies only if the cohort is synthetic.

    Raises:
        ValueError: If there are example studies of a cohort that is not synthetic.
    """
    synthetic = inputs.summary["data"] == SYNTHETIC
    if (inputs.examples or inputs.failures) and not synthetic:
        raise ValueError("example studies of real patients must not be shown")
    tag = '<span class="tag">synthetic cohort</span>' if synthetic else ""
    sections = list(_sections(inputs))
    body = "".join(
        f'<section id="{_anchor(title)}"><h2>{text(title)} {tag}</h2>{content}</section>'
        for title, content in sections
    )
    contents = "".join(
        f'<li><a href="#{_anchor(title)}">{text(title)}</a></li>' for title, _ in sections
    )
    page = Template(files(__package__).joinpath(TEMPLATE).read_text())
    return page.substitute(
        banner=f'<p class="banner" role="note">{text(BANNER)}</p>' if synthetic else "",
        headline=headline(inputs.summary, inputs.level),
        contents=contents,
        sections=body,
        provenance=provenance_section(inputs.provenance),
    )


def _sections(inputs: ReportInputs) -> Iterator[tuple[str, str]]:
    summary, shown = inputs.summary, inputs.shown
    synthetic = summary["data"] == SYNTHETIC
    yield "Cohort", cohort_section(inputs.cohort, inputs.data)
    yield "Each finding", class_bars(summary)
    yield "Precision and recall", precision_recall(inputs)
    yield "Calibration", calibration_section(inputs)
    yield "Frequent and rare findings", frequency_groups(summary)
    yield "Subgroups", subgroup_section(inputs.subgroups)
    yield "Other labels", benchmark_section(inputs.benchmarks)
    yield "What the score owes to the indication", audit_section(inputs.audit)
    if synthetic:
        yield "The best possible score", _ceiling(inputs)
    yield (
        "Beside the paper",
        beside_the_paper(summary, shown) + "".join(variants_section(shown, v) for v in LEFT_OUT),
    )
    yield "Training", training_section(inputs)
    truth = truth_section(shown) if synthetic else ""
    yield "Pseudo-labels by generation", truth + pseudo_label_section(inputs.pseudo_labels)
    if inputs.failures:
        yield "What it is most wrong about", paragraph(WRONG) + failure_section(inputs.failures)
    if inputs.examples:
        note = "Invented patients, as the model sees them."
        yield "Example studies", paragraph(note) + example_section(inputs.examples)


def _ceiling(inputs: ReportInputs) -> str:
    found = inputs.shown.found.get(CEILING)
    if found is None:
        return paragraph(with_code(inputs.shown.why_not[CEILING]))
    return ceiling_section(found, inputs.cohort)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
