"""The report's sections of example studies, which only the synthetic cohort has."""

from collections.abc import Sequence

from camchex.report.examples import Example, Failure
from camchex.report.markup import number, percent, text


def example_section(examples: Sequence[Example]) -> str:
    """Studies as the model gets them, with their labels and its likeliest findings."""
    return f'<div class="examples">{"".join(_example(e) for e in examples)}</div>'


def failure_section(failures: Sequence[Failure]) -> str:
    """What the model is most wrong about: false alarms, then misses."""
    parts = [
        (title, [f for f in failures if f.missed is missed])
        for title, missed in (("False alarms", False), ("Misses", True))
    ]
    return "".join(
        f"<h3>{title}</h3>"
        f'<div class="examples four">{"".join(_example(f.example, _wrong(f)) for f in found)}</div>'
        for title, found in parts
        if found
    )


def _wrong(failure: Failure) -> str:
    labelled = "labelled positive" if failure.missed else "not labelled"
    return (
        f'<p class="wrong"><b>{text(failure.finding)} {number(failure.probability)}</b>, more than '
        f"in {percent(failure.higher_than)} of the test studies; {labelled}</p>"
    )


def _example(example: Example, above: str = "") -> str:
    images = "".join(
        f'<img alt="{text(view)} view" src="data:image/png;base64,{png}">'
        for view, png in example.images
    )
    guesses = "".join(
        f"<li>{text(name)} {number(probability)}{' ✓' if name in example.labels else ''}</li>"
        for name, probability in example.guesses
    )
    return (
        f'<article>{above}<div class="views">{images}</div>'
        f"<p><b>Labelled</b> {text(', '.join(example.labels) or 'nothing')}</p>"
        f"<p><b>Indication</b> {text(example.indication or 'none')}</p>"
        f"<p><b>Vital signs</b> {text(example.vitals)}</p>"
        f"<p><b>Likeliest findings</b> (✓ labelled)</p><ol>{guesses}</ol></article>"
    )
