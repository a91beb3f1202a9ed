"""The report's section of example studies, which only the synthetic cohort has."""

from collections.abc import Sequence

from camchex.evaluation.examples import Example
from camchex.evaluation.markup import number, text


def example_section(examples: Sequence[Example]) -> str:
    """Studies as the model gets them, with their labels and its likeliest findings."""
    return f'<div class="examples">{"".join(_example(e) for e in examples)}</div>'


def _example(example: Example) -> str:
    images = "".join(
        f'<img alt="{text(view)} view" src="data:image/png;base64,{png}">'
        for view, png in example.images
    )
    guesses = "".join(
        f"<li>{text(name)} {number(probability)}{' ✓' if name in example.labels else ''}</li>"
        for name, probability in example.guesses
    )
    return (
        f'<article><div class="views">{images}</div>'
        f"<p><b>Labelled</b> {text(', '.join(example.labels) or 'nothing')}</p>"
        f"<p><b>Indication</b> {text(example.indication or 'none')}</p>"
        f"<p><b>Vital signs</b> {text(example.vitals)}</p>"
        f"<p><b>Likeliest findings</b> (✓ labelled)</p><ol>{guesses}</ol></article>"
    )
