"""The reference of ``import camchex``, from the docstrings of what it offers."""

import inspect

import camchex

CLASS_OPTIONS = "   :members:\n   :exclude-members: model_config, training\n"


def page() -> str:
    """Describe every public name: classes with their public methods, and functions."""
    return "\n".join(_entry(name) for name in camchex.__all__)


def _entry(name: str) -> str:
    kind, options = ("function", "")
    if inspect.isclass(getattr(camchex, name)):
        kind, options = "class", CLASS_OPTIONS
    directive = f".. auto{kind}:: camchex.{name}\n{options}"
    return f"## `{name}`\n\n```{{eval-rst}}\n{directive}```\n"
