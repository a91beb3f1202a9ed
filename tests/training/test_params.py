"""Section training: its keys hold for every training that does not set them itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import ParamsError
from camchex.fusion.section import FusionParams
from camchex.noisy_student.params import NoisyStudentParams
from camchex.profiles.profiles import validate_file
from camchex.training.params import TrainingParams, load_section
from tests.training.demo import ROOT


def write(folder: Path, changes: Mapping[str, object]) -> Path:
    """params.yaml with other values by dotted key; None deletes a key."""
    content = read_yaml(ROOT / "profiles/demo.yaml")
    for key, value in changes.items():
        *above, last = key.split(".")
        section: Any = content
        for name in above:
            section = section[name]
        section.pop(last, None) if value is None else section.update({last: value})
    path = folder / "params.yaml"
    path.write_text(yaml_text(content))
    return path


def trainings(path: Path) -> list[TrainingParams]:
    params = validate_file(path)
    student = params.noisy_student
    return [
        student.teacher,
        student.student,
        params.view_finetuning.training,
        params.fusion.training,
    ]


def test_a_shared_key_holds_for_all_trainings_but_those_that_set_it(tmp_path: Path) -> None:
    path = write(tmp_path, {"training.batch_size": 8, "fusion.training.batch_size": 4})
    assert [training.batch_size for training in trainings(path)] == [8, 8, 8, 4]
    student = load_section("noisy_student", NoisyStudentParams, path)
    fusion = load_section("fusion", FusionParams, path)
    assert [student.teacher, student.student] == trainings(path)[:2]
    assert fusion.training == trainings(path)[3]


def test_null_is_a_value_and_no_missing_key(tmp_path: Path) -> None:
    path = write(tmp_path, {"training.ema_decay": 0.9}).read_text()
    (tmp_path / "params.yaml").write_text(path.replace("clip_norm: 1.0", "clip_norm: null"))
    assert {training.clip_norm for training in trainings(tmp_path / "params.yaml")} == {None}


@pytest.mark.parametrize("section", ["training", "fusion.training", "noisy_student.student"])
@pytest.mark.parametrize(
    ("key", "value"), [("batch_sise", 8), ("batch_size", 0), ("schedule", "linear")]
)
def test_a_key_that_cannot_be_is_named_where_it_stands(
    tmp_path: Path, section: str, key: str, value: object
) -> None:
    path = write(tmp_path, {f"{section}.{key}": value})
    top, model = {
        "training": ("fusion", FusionParams),
        "fusion.training": ("fusion", FusionParams),
        "noisy_student.student": ("noisy_student", NoisyStudentParams),
    }[section]
    for read in (validate_file, lambda path: load_section(top, model, path)):
        with pytest.raises(ParamsError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: {section}.{key}: ")


def test_a_key_that_neither_the_training_nor_the_shared_section_has_is_missing(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, {"training.seed": None, "fusion.training.seed": 3})
    assert load_section("fusion", FusionParams, path).training.seed == 3
    with pytest.raises(ParamsError, match=r"noisy_student\.teacher\.seed: Field required"):
        load_section("noisy_student", NoisyStudentParams, path)
