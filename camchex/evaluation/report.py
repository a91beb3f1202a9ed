"""The report: one HTML file that needs nothing from outside, with equal bytes for equal inputs."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import Template

from camchex.evaluation.markup import paragraph, table, text
from camchex.evaluation.report_audit import audit_section
from camchex.evaluation.report_cohort import cohort_section
from camchex.evaluation.report_examples import example_section
from camchex.evaluation.report_inputs import ReportInputs
from camchex.evaluation.report_paper import beside_the_paper
from camchex.evaluation.report_results import (
    class_bars,
    frequency_groups,
    headline,
    precision_recall,
)
from camchex.evaluation.report_training import pseudo_label_section, training_section

TEMPLATE = "report.html"
BANNER = "SYNTHETIC COHORT: these numbers say nothing about real X-rays"
SYNTHETIC = "synthetic"


def render_report(inputs: ReportInputs) -> str:
    """Write the report as one self-contained page.

    Args:
        inputs: Aggregates; example studies only if the cohort is synthetic.

    Raises:
        ValueError: If there are example studies of a cohort that is not synthetic.
    """
    synthetic = inputs.summary["data"] == SYNTHETIC
    if inputs.examples and not synthetic:
        raise ValueError("example studies of real patients must not be shown")
    tag = '<span class="tag">synthetic cohort</span>' if synthetic else ""
    body = "".join(
        f"<section><h2>{text(title)} {tag}</h2>{content}</section>"
        for title, content in _sections(inputs)
    )
    page = Template(files(__package__).joinpath(TEMPLATE).read_text())
    return page.substitute(
        banner=f'<p class="banner" role="note">{text(BANNER)}</p>' if synthetic else "",
        headline=headline(inputs.summary),
        sections=body,
        provenance=_provenance(inputs.provenance),
    )


def _sections(inputs: ReportInputs) -> Iterator[tuple[str, str]]:
    yield "Cohort", cohort_section(inputs.cohort)
    yield "Frequent and rare findings", frequency_groups(inputs.summary)
    yield "Each finding", class_bars(inputs.summary)
    yield "Precision and recall", precision_recall(inputs)
    yield "What the score owes to the indication", audit_section(inputs.audit)
    yield "Beside the paper", beside_the_paper(inputs.summary)
    yield "Training", training_section(inputs)
    yield "Pseudo-labels by generation", pseudo_label_section(inputs.pseudo_labels)
    if inputs.examples:
        note = "Invented patients, as the model sees them."
        yield "Example studies", paragraph(note) + example_section(inputs.examples)


def _provenance(provenance: Mapping[str, str]) -> str:
    rows = [[text(name), f"<code>{text(value)}</code>"] for name, value in provenance.items()]
    return table(["what", "version or SHA-256"], rows)
