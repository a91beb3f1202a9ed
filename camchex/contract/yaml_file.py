"""YAML read and written as DVC reads and writes it: YAML 1.2 by ruamel.yaml.

DVC reruns a stage, and records it, by the values that DVC reads; the code must use the same ones.
So ``1e-6`` is a number, ``010`` is ten and ``yes`` is a text. What no parameter can mean is
refused, also where DVC reads it: a key given twice beside a merge (``<<``), a number that is not
finite, a list as a key, a set, and a value that contains itself.

Source: ``dvc/utils/serialize/_yaml.py`` of DVC 3.67, ``parse_yaml`` and ``_dump``.
"""

import math
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from camchex.errors import ParamsError

T = TypeVar("T")
_TAG = "tag:yaml.org,2002:"
_COLLECTIONS = (f"{_TAG}map", f"{_TAG}seq")
_ONLY_KEYS = (f"{_TAG}merge", f"{_TAG}value")  # << and =, which ruamel reads as keys alone


class _RefusedError(ConstructorError):
    """A value that YAML allows, and this project does not."""


class _Constructor(SafeConstructor):
    """DVC's way from nodes to values, after a walk that refuses what is ambiguous."""

    def construct_document(self, node: Node) -> object:
        self._walked: set[Node] = set()
        self._walk(node, "", ())
        return super().construct_document(node)

    def _walk(self, node: Node, key: str, above: tuple[Node, ...]) -> None:
        """Check a node and all below it; ``key`` is its dotted name, ``above`` what it lies in."""
        if node in above:
            raise _refused(node, f"{_named(key)} contains itself. Write its value out.")
        if node in self._walked:  # an alias: its anchor is checked
            return
        self._walked.add(node)
        if isinstance(node, ScalarNode):
            self._value(node, key)
            return
        if node.tag not in _COLLECTIONS:
            raise _refused(node, f"{_named(key)} has the tag {node.tag}. Remove the tag.")
        if isinstance(node, MappingNode):
            self._unique_keys(node, key)
            below = [(name.value, value) for name, value in node.value]
        else:
            below = list(enumerate(node.value))
        for name, value in below:
            self._walk(value, _joined(key, name), (*above, node))

    def _unique_keys(self, node: MappingNode, above: str) -> None:
        first: dict[object, Node] = {}
        for name, _ in node.value:
            if not isinstance(name, ScalarNode):
                raise _refused(name, f"a key of {_named(above)} is a list or a section. Name it.")
            key = _joined(above, name.value)
            found = name.value if name.tag in _ONLY_KEYS else self._value(name, key)
            if found in first:
                line = first[found].start_mark.line + 1
                again = f"{_named(key)} is given twice, first in line {line}. Keep one of the two."
                raise _refused(name, again)
            first[found] = name

    def _value(self, node: ScalarNode, key: str) -> object:
        try:
            value: object = self.construct_object(node)
        except (ValueError, LookupError, ArithmeticError) as error:
            # As 2001-02-30, which has the form of a date.
            wrong = f"{_named(key)} is {node.value:.40}: {error}. Quote it if it is text."
            raise _refused(node, wrong) from error
        if isinstance(value, float) and not math.isfinite(value):
            wrong = (
                f"{_named(key)} is {node.value:.40}, which is no finite number. Write a finite one."
            )
            raise _refused(node, wrong)
        return value


def _joined(above: str, name: object) -> str:
    return f"{above}.{name}" if above else str(name)


def _named(key: str) -> str:
    return f"`{key}`" if key else "the value"


def _refused(node: Node, problem: str) -> _RefusedError:
    return _RefusedError(None, None, problem, node.start_mark)


def parse_yaml(text: str, where: str) -> Any:  # noqa: ANN401 - YAML has any type
    """Parse one YAML document.

    Args:
        text: The document.
        where: Name of the file or the option that the text is from, for errors.

    Returns:
        What DVC makes of the same text; None of an empty text.

    Raises:
        ParamsError: If the text is not YAML, gives a key twice at any depth, holds a number that is
            not finite or a value that cannot be read; the message names line, column and key.
    """
    yaml = YAML(typ="safe")
    yaml.Constructor = _Constructor
    try:
        return yaml.load(text)
    except _RefusedError as error:
        raise ParamsError(f"{where}: {_place(error)}{error.problem}") from error
    except YAMLError as error:
        said = filter(None, (getattr(error, name, None) for name in ("context", "problem")))
        problem = ", ".join(said) or " ".join(str(error).split())
        raise ParamsError(f"{where}: not valid YAML: {_place(error)}{problem}.") from error
    except UnicodeEncodeError as error:
        raise ParamsError(f"{where}: not UTF-8 text. Save it as UTF-8.") from error
    except RecursionError as error:
        raise ParamsError(
            f"{where}: lists or sections are nested too deeply to be read."
        ) from error


def _place(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def read_yaml(path: Path | Traversable) -> Any:  # noqa: ANN401 - YAML has any type
    """Read a YAML file.

    Returns:
        As :func:`parse_yaml`.

    Raises:
        OSError: If the file cannot be opened.
        ParamsError: If the file is not UTF-8 text, or as :func:`parse_yaml`.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 text. Save it as UTF-8.") from error
    return parse_yaml(text, str(path))


def read_data(package: str | None, name: str, kind: type[T]) -> T:
    """Read a YAML file that stands beside the code, and check it.

    Args:
        package: The package, as in ``__package__``.
        name: Name of the file.
        kind: Type that the content must have.

    Raises:
        ParamsError: As :func:`read_yaml`.
        ValidationError: If the content is not of that type.
    """
    return TypeAdapter(kind).validate_python(read_yaml(files(str(package)).joinpath(name)))


def yaml_text(content: object) -> str:
    """Write ``content`` as DVC writes YAML; :func:`parse_yaml` gives it back."""
    yaml, text = YAML(), StringIO()
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return text.getvalue()
