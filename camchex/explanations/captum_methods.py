"""Captum, an extra of this project: imported where a method needs it, and nowhere else."""

from typing import Any

from camchex.errors import ModelError


def captum() -> Any:  # noqa: ANN401 - Captum is untyped
    """Import ``captum.attr``, which pulls in Matplotlib's drawing: only where it is needed.

    Raises:
        ModelError: If Captum is not installed.
    """
    try:
        import captum.attr as found
    except ImportError as error:
        raise ModelError(
            "Captum is not installed, which computes this: `pip install 'camchex[explain]'`"
        ) from error
    return found
