"""Scores of predictions, what they owe to the text of the indication, and the report.

``from camchex.evaluation import average_precision, roc_auc`` for arrays of one's own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camchex.evaluation.averages import average_precision, roc_auc

__all__ = ["average_precision", "roc_auc"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: not every stage needs it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from camchex.evaluation import averages

    return getattr(averages, name)
