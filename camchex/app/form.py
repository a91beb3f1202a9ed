"""What a visitor filled in, read and checked before any network sees it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, cast

from starlette.datastructures import FormData, UploadFile

from camchex.contract.schemas import VIEW_NAMES, VITAL_SIGNS, View
from camchex.errors import DataError, counted
from camchex.texts.vitals_text import TITLES
from camchex.vitals.plausible import require_measurement

MOST_BYTES = 64 * 2**20  # of a request: four images of a large detector, 16 bits uncompressed
MOST_FILES = 8  # twice the images of nearly every study
MOST_LETTERS = 2000  # of an indication; the longest of the synthetic cohort have 200
LISTS = ("image", "view")  # a value for each image
FIELDS = {*LISTS, "indication", "gender", "finding", *VITAL_SIGNS}
MOST_NAME = 80  # letters of a file's name that are shown


@dataclass(frozen=True)
class Upload:
    """One image file.

    Attributes:
        name: As the visitor has it, and made unique.
        content: JPEG, PNG or DICOM.
        view: None: the visitor does not say.
    """

    name: str
    content: bytes
    view: View | None = None


@dataclass(frozen=True)
class Form:
    """One study as typed and dropped.

    Attributes:
        images: Image files.
        indication: Text of the request.
        vitals: Values by column of ``schemas.VITAL_SIGNS``.
        gender: F or M.
        finding: The finding to be explained; None: the most probable one, after all numbers.
    """

    images: tuple[Upload, ...] = ()
    indication: str | None = None
    vitals: Mapping[str, float] | None = None
    gender: Literal["F", "M"] | None = None
    finding: str | None = None


async def read_form(data: FormData) -> Form:
    """Read a form: ``image`` and ``view`` in one order, ``indication``, ``gender``, vital signs.

    Raises:
        DataError: If a field is unknown, a view or vital sign is none, or something is too long.
    """
    _require_fields(data)
    files = [file for file in data.getlist("image") if isinstance(file, UploadFile)]
    views = [str(view) for view in data.getlist("view")]
    if len(views) != len(files):
        raise DataError(
            f"{counted(len(files), 'image')}, and {counted(len(views), 'view')}: "
            "say one for each image."
        )
    indication = _text(data, "indication")
    if len(indication) > MOST_LETTERS:
        raise DataError(
            f"The indication has {len(indication):,} letters; at most {MOST_LETTERS:,} are read."
        )
    gender = _text(data, "gender")
    if gender not in {"", "F", "M"}:
        raise DataError(f"Sex {gender!r}; expected F or M, or nothing if not known.")
    names = unique([file.filename or "" for file in files])
    images = [
        Upload(name, await file.read(), _view(view, name))
        for name, file, view in zip(names, files, views, strict=True)
    ]
    return Form(
        images=tuple(images),
        indication=indication or None,
        vitals=dict(_vital_signs(data)),
        gender=cast(Literal["F", "M"], gender) if gender else None,
        finding=_text(data, "finding") or None,
    )


def _require_fields(data: FormData) -> None:
    """Refuse fields of which a value would be left unread: unknown, given twice, or a file."""
    for name, value in data.multi_items():
        if name not in FIELDS:
            raise DataError(
                f"{name[:MOST_NAME]!r} is no field; known: {', '.join(sorted(FIELDS))}."
            )
        if isinstance(value, str) == (name == "image"):
            raise DataError(f"{name!r}: expected {'a file' if name == 'image' else 'text'}.")
        if name not in LISTS and len(data.getlist(name)) > 1:
            raise DataError(f"{name!r} is given several times; expected one.")


def unique(names: list[str]) -> list[str]:
    """Shorten names to their last part, and number those that come again."""
    seen, found = Counter[str](), []
    for name in names:
        short = PurePath(name.replace("\\", "/")).name[-MOST_NAME:] or "image"
        seen[short] += 1
        found.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return found


def _view(view: str, name: str) -> View | None:
    if view not in {"", *VIEW_NAMES}:
        raise DataError(f"{name}: view {view!r}; expected {' or '.join(VIEW_NAMES)}, or nothing.")
    return cast(View, view) if view else None


def _vital_signs(data: FormData) -> Iterator[tuple[str, float]]:
    for column in VITAL_SIGNS:
        written = _text(data, column)
        if not written:
            continue
        said = f"{TITLES[column]} {written[:20]!r}"
        try:
            # Python also reads 1_0, and digits of other scripts.
            value = float(written) if written.isascii() and "_" not in written else math.nan
        except ValueError as error:
            raise DataError(f"{said}: expected a number above 0; leave out unknowns") from error
        require_measurement(column, value, said)
        yield column, value


def _text(data: FormData, key: str) -> str:
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""
