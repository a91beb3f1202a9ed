"""The reference of params.yaml, from the models that read it and the profiles."""

import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.pycode import ModuleAnalyzer

from camchex.contract.yaml_file import read_yaml
from camchex.profiles.profiles import Params, names
from camchex.training.params import SharedTraining, TrainingParams

PROFILES = Path(__file__).resolve().parents[1] / "profiles"
EACH = "<key>"
"""Stands for any entry of a section whose keys are the user's."""
SIGNS: dict[type, tuple[str, str]] = {
    Ge: ("ge", "≥"),
    Gt: ("gt", "&gt;"),
    Le: ("le", "≤"),
    Lt: ("lt", "&lt;"),
}
WITHOUT_A_MODEL = {"seeds": "One fusion is trained with each seed."}
Row = tuple[str, str, str]
"""Dotted key, type, meaning."""


def page() -> str:
    """Describe every parameter, a section of params.yaml at a time, as Markdown."""
    return "\n".join(line for section in Params.model_fields for line in _section(section))


def _section(section: str) -> Iterator[str]:
    field = Params.model_fields[section]
    yield f"## {section}\n"
    if said := _summary(field.annotation):
        yield f"{said}\n"
    yield "{.parameters}\n| key | meaning | value |\n|---|---|---|"
    for key, kind, meaning in rows(section, field):
        yield f"| `{key}` | {meaning}<br>*{kind}* | {_by_profile(key)} |"
    yield ""


def _by_profile(key: str) -> str:
    """The value that all profiles share, or the profiles that have each value."""
    profiles: dict[str, list[str]] = {}
    for profile in names(PROFILES):
        profiles.setdefault(_shown(profile, key), []).append(profile)
    if len(profiles) == 1:
        return next(iter(profiles))
    return "<br>".join(f"{', '.join(sharing)}: {value}" for value, sharing in profiles.items())


def rows(key: str, field: FieldInfo) -> Iterator[Row]:
    """List the parameters at and below a key, in the order of their model."""
    model = _model_of(field.annotation)
    if model is None:
        yield key, type_of(field), WITHOUT_A_MODEL[key]
        return
    below = f"{key}.{EACH}" if get_origin(field.annotation) is dict else key
    yield from _fields(below, model)


def _fields(key: str, model: type[BaseModel]) -> Iterator[Row]:
    for name, field in model.model_fields.items():
        if _model_of(field.annotation) is None:
            yield f"{key}.{name}", type_of(field), meaning(model, name)
        else:
            yield from rows(f"{key}.{name}", field)


def meaning(model: type[BaseModel], name: str) -> str:
    """Read the ``#:`` comment beside a field, of the model or of the one that it extends."""
    for cls in model.__mro__:
        if said := _comments(cls.__module__).get((cls.__name__, name)):
            text = " ".join(said).strip().replace("|", r"\|")
            return text[0].upper() + text[1:] + "." if text.split()[0] not in _WORDS else text + "."
    return ""


_WORDS = {"tiny,", "timm", "mmbt:", "camchex", "false:", "torch.compile,", "hf:"}
"""Values at the begin of a meaning, which keep their small letter."""


@cache
def _comments(module: str) -> dict[tuple[str, str], list[str]]:
    if not module.startswith("camchex"):
        return {}
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    return analyzer.attr_docs


def type_of(field: FieldInfo) -> str:
    """Say which values a field takes, with its bounds."""
    return _bounded(_name(field.annotation), field.metadata)


def _bounded(name: str, metadata: list[Any]) -> str:
    bounds = [
        f"{sign} {getattr(bound, attribute):g}"
        for bound in metadata
        for kind, (attribute, sign) in SIGNS.items()
        if isinstance(bound, kind)
    ]
    listed = name.startswith("list")  # that a text or path is not blank goes without saying
    filled = listed and any(isinstance(bound, MinLen) for bound in metadata)
    return " ".join([name, ", ".join(bounds)]).strip() + (", not empty" if filled else "")


NAMES: dict[object, str] = {
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    str: "text",
    Path: "path",
    type(None): "`null`",
}


def _name(kind: object) -> str:  # noqa: PLR0911 - one line for each kind of type
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        metadata = [
            one
            for given in kind.__metadata__
            for one in (given.metadata if isinstance(given, FieldInfo) else [given])
        ]
        return _bounded(_name(inside[0]), metadata)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(_name(one) for one in inside)
    if origin is tuple and inside[-1] is not Ellipsis:
        return f"{len(inside)} of: {_name(inside[0])}"
    if origin in (tuple, list):
        return f"list of: {_name(inside[0])}"
    if origin is not None:  # a mapping
        return f"by key: {_name(inside[1])}"
    return NAMES.get(kind, "any value")


def _model_of(kind: object) -> type[BaseModel] | None:
    """The model of a section, of each entry of one, or of one that may be null."""
    if kind is SharedTraining:
        return TrainingParams  # any of its keys
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if get_origin(kind) in (dict, Union, types.UnionType):
        return next(filter(None, map(_model_of, get_args(kind))), None)
    return None


def _summary(kind: object) -> str:
    model = kind if kind is SharedTraining else _model_of(kind)
    first = (model.__doc__ or "").partition("\n")[0] if model else ""
    _, colon, said = first.partition(": ")
    return said[:1].upper() + said[1:] if colon and first.startswith("Section") else first


def _shown(profile: str, key: str) -> str:
    return "; ".join(dict.fromkeys(_values(_content(profile), key.split(".")))) or ABSENT


@cache
def _content(profile: str) -> dict[str, Any]:
    content: dict[str, Any] = read_yaml(PROFILES / f"{profile}.yaml")
    return content


def _values(value: object, path: list[str]) -> Iterator[str]:
    """Yield the value at a key; of each entry, where the keys are the user's."""
    if not path:
        yield _plain(value)
    elif path[0] == EACH:
        found = {name: [*_values(entry, path[1:])] for name, entry in value.items()}
        yield from (
            f"{name}: {one}" for name, all_ in found.items() for one in all_ if one != ABSENT
        )
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
    else:
        yield "`null`" if value is None else ABSENT


ABSENT = "not given"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(one)}" for key, one in value.items()) or "`{}`"
    if value is None or isinstance(value, bool):
        return f"`{ {None: 'null', True: 'true', False: 'false'}[value] }`"
    if isinstance(value, list):
        return f"`[{', '.join('null' if one is None else str(one) for one in value)}]`"
    return f"`{value}`"
