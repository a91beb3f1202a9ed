"""Tables that stand beside the code as YAML, checked when they are read."""

from importlib import resources
from typing import TypeVar

import yaml
from pydantic import TypeAdapter

T = TypeVar("T")


def read_data(package: str | None, name: str, kind: type[T]) -> T:
    """Read a YAML file of a package.

    Args:
        package: The package, as in ``__package__``.
        name: Name of the file.
        kind: Type that the content must have.

    Raises:
        ValidationError: If the content is not of that type.
    """
    text = resources.files(str(package)).joinpath(name).read_text("utf-8")
    return TypeAdapter(kind).validate_python(yaml.safe_load(text))
