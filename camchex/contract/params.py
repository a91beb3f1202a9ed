"""Reading of params.yaml, one section at a time: unknown keys are refused.

Each package owns the model of its section, beside the code that uses it, and a stage reads only
the sections that it declares to DVC. So a change to the fusion reruns nothing of the noisy student.
"""

from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from camchex.contract.yaml_file import read_yaml
from camchex.errors import ParamsError

PARAMS = Path("params.yaml")
SECTIONS = (
    *("data", "external", "labels", "synthetic", "images", "indications", "vitals", "views"),
    *("encoder", "augmentation", "training", "noisy_student", "view_finetuning", "text"),
    *("fusion", "prediction", "evaluation", "audit", "seeds", "runtime"),
)


def _kinds(annotation: object) -> set[object]:
    """The types that an annotation allows, without None and without what is said of them."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return {kind for one in get_args(annotation) for kind in _kinds(one)} - {type(None)}
    return {annotation}


class Section(BaseModel):
    """Base of every section, and of other files: immutable, and closed against misspelt keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_type(cls, value: object, info: ValidationInfo) -> object:
        """Refuse ``yes`` and 1 as a truth value, and texts and truth values as numbers."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if kinds == {bool} and not isinstance(value, bool):
            raise ValueError("expected true or false")
        if kinds <= {int, float} and isinstance(value, str | bool):
            raise ValueError("expected a number, without quotes")
        return value


S = TypeVar("S")
Items = TypeVar("Items", bound=Sequence[object])


def unique(items: Items) -> Items:
    """Refuse a list that names an item twice; a validator for pydantic's ``AfterValidator``."""
    for place, item in enumerate(items):
        if item in items[:place]:
            raise ValueError(f"names {item} twice")
    return items


def read_file(path: Path = PARAMS) -> dict[str, object]:
    """Read a whole parameter file and check that it has exactly the known sections.

    Raises:
        ParamsError: If the file is missing, is not YAML (a key given twice or a number that is not
            finite counts), or has an unknown or missing section.
    """
    try:
        content = read_yaml(path)
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: no such file. Run `camchex profile use demo`.") from error
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: not a mapping of sections but a {type(content).__name__}")
    unknown = [name for name in content if name not in SECTIONS]
    missing = [name for name in SECTIONS if name not in content]
    if unknown or missing:
        raise ParamsError(
            f"{path}: unknown sections {unknown}, missing sections {missing}. "
            f"Known sections: {', '.join(SECTIONS)}. `camchex profile use demo` writes them all."
        )
    return content


def load(section: str, model: type[S], path: Path = PARAMS) -> S:
    """Read one section of params.yaml into its model.

    Args:
        section: Name of a top-level section, or a dotted path below one (``external.nih``).
        model: A :class:`Section`, or any type pydantic can validate (``list[int]``).
        path: The parameter file.

    Raises:
        ParamsError: Naming the file, the full key and what is wrong with its value.
    """
    value: object = read_file(path)
    for key in section.split("."):
        if not isinstance(value, dict) or key not in value:
            raise ParamsError(f"{path}: no `{section}`")
        value = value[key]
    return validate(value, model, where=f"{path}: {section}")


def validate(value: object, model: type[S], where: str) -> S:
    """Turn parsed YAML into ``model``.

    Raises:
        ParamsError: Naming ``where``, every wrong key and what is wrong with its value.
    """
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        lines = [
            f"{'.'.join([where, *map(str, e['loc'])])}: {e['msg']} (found {e['input']!r})"
            for e in error.errors()
        ]
        raise ParamsError("\n".join(lines)) from error
