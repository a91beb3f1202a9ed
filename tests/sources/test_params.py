"""Sections data and external: what is refused, by key."""

from pathlib import Path

import pytest
import yaml

from camchex import params
from camchex.errors import ParamsError
from camchex.sources.params import DataParams, ExternalSet, ExternalSets

NIH = {"source": "nih", "folder": "f", "table": "t.csv", "watch_images": "images"}


def load(tmp_path: Path, **changed: object) -> tuple[DataParams, dict[str, ExternalSet]]:
    content = yaml.safe_load(Path("params.yaml").read_text())
    for key, value in changed.items():
        section, name = key.split("__")
        content[section][name] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return params.load("data", DataParams, path), params.load("external", ExternalSets, path)


def test_the_file_of_the_project_is_accepted(tmp_path: Path) -> None:
    _, external = load(tmp_path)
    assert {one.source for one in external.values()} == {"chexpert", "nih", "vindr"}


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"data__mimic_iv_ed": "/abs"}, r"data\.mimic_iv_ed"),
        ({"data__reports": ""}, r"data\.reports"),
        ({"data__mimic": "x"}, r"data\.mimic"),
        ({"external__nih": {**NIH, "source": "padchest"}}, r"external\.nih\.source"),
        ({"external__nih": {**NIH, "min_readers": 2}}, r"external\.nih: .*min_readers"),
        ({"external__vindr": {**NIH, "source": "vindr"}}, r"external\.vindr: .*min_readers"),
        ({"external__mimic": NIH}, r"external\.mimic"),
        ({"external__a/b": NIH}, r"external\.a/b"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(
    tmp_path: Path, changed: dict[str, object], key: str
) -> None:
    with pytest.raises(ParamsError, match=key):
        load(tmp_path, **changed)
