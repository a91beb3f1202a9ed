"""Profiles: complete, valid, and different in nothing that is not explained."""

import functools
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.comparisons.parameters import parameter_differences
from camchex.contract.params import SECTIONS
from camchex.contract.yaml_file import parse_yaml, read_yaml
from camchex.errors import ParamsError
from camchex.profiles.profiles import Params, locate, names, unsaved, use, validate_file
from camchex.sources.params import RECOMMENDED

REPO = Path(__file__).resolve().parents[2]
PAPER_AND_RELEASE = REPO / "docs" / "paper_and_release.md"


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], Path]:
    """The demo profile with one replacement, as a file."""

    def edit(old: str, new: str) -> Path:
        text = locate("demo").read_text()
        assert old in text
        path = tmp_path / "edited.yaml"
        path.write_text(text.replace(old, new, 1))
        return path

    return edit


def test_there_are_four_profiles() -> None:
    assert names() == ["corrected", "demo", "paper", "released"]


@pytest.mark.parametrize("name", ["demo", "paper", "released", "corrected"])
def test_a_profile_is_complete_and_valid(name: str) -> None:
    content = read_yaml(locate(name))
    assert set(content) == set(SECTIONS)
    assert validate_file(locate(name)).labels.space == "cxr-lt-2023"


def test_the_models_cover_every_section_in_order() -> None:
    assert tuple(Params.model_fields) == SECTIONS


def test_params_yaml_is_the_demo_profile() -> None:
    if validate_file().data.root != validate_file(locate("demo")).data.root:
        pytest.skip("params.yaml is set up for other data than the demo's")
    assert Path("params.yaml").read_text() == locate("demo").read_text()


@pytest.mark.parametrize("name", ["paper", "released", "corrected"])
def test_every_profile_describes_the_same_synthetic_cohort(name: str) -> None:
    contents = [read_yaml(locate(one)) for one in (name, "demo")]
    assert contents[0]["synthetic"] == contents[1]["synthetic"]


@pytest.mark.parametrize("name", ["demo", "paper", "released", "corrected"])
def test_open_labels_mean_in_a_profile_what_they_mean_to_a_reader_alone(name: str) -> None:
    sets = validate_file(locate(name)).external
    assert [one.labels.model_dump() for one in sets.values()] == [RECOMMENDED.model_dump()] * 3


def test_the_paper_profile_has_the_values_that_the_paper_prints() -> None:
    paper = validate_file(locate("paper"))
    trainings = [
        paper.noisy_student.teacher,
        paper.noisy_student.student,
        paper.view_finetuning.training,
        paper.fusion.training,
    ]
    for training in trainings:  # section 4.2: across all phases
        assert training.learning_rate == 3e-5
        assert training.weight_decay == 1e-4
        assert training.batch_size * training.accumulate == 16
        assert training.schedule == "cosine"
        assert training.warmup_fraction == 0.05
        assert training.ema_decay is not None
    assert paper.images.size == 1024
    assert len(paper.seeds) == 3
    assert paper.fusion.max_images == 4  # section 3.2


IN_TRAININGS: dict[str, tuple[object, object, object]] = {  # docs/method.md, section 8: its table
    "accumulate": (1, 16, 1),
    "weight_decay": (1e-4, 1e-2, 1e-4),
    "decay_norm_and_bias": (True, False, True),
    "schedule": ("cosine", "cosine_restarts_each_epoch", "cosine"),
    "ema_decay": (0.9999, 0.9984, 0.9999),
    "clip_norm": (None, 1.0, 1.0),
    "precision": ("bf16-mixed", "16-mixed", "bf16-mixed"),
    "seed": (0, 42, 0),
}
RANGES = {
    "temperature_f": [77.0, 113.0],
    "heart_rate_bpm": [20.0, 300.0],
    "respiratory_rate_bpm": [4.0, 80.0],
    "o2_saturation_pct": [50.0, 100.0],
    "systolic_bp_mmhg": [40.0, 300.0],
    "diastolic_bp_mmhg": [20.0, 200.0],
}
BOTH = ["indication", "history"]
DIFFERENCES: dict[str, tuple[str, object, object, object]] = {
    # key: section of the method, then the value of paper, released and corrected
    "indications.sections": ("1.2", "reference", "reference", "corrected"),
    "indications.use": ("1.3", ["indication"], BOTH, BOTH),
    "indications.cleaner": ("1.4", "released", "released", "corrected"),
    "text.max_tokens_indication": ("1.4", 384, 384, 96),
    "vitals.rule": ("3", "nearest_any", "nearest_any", "within_stay"),
    "vitals.visit_gap_hours": ("3", None, None, 1.0),
    "vitals.ranges": ("3", None, None, RANGES),
    "views.classifier": ("2", False, False, True),
    "labels.imply_no_finding": ("5", False, False, True),
    "external.nih.hold_out_test": ("5", False, False, True),
    "encoder.position_encoding": ("7", "correct", "released", "correct"),
    "fusion.position_encoding": ("7", "correct", "released", "correct"),
    "fusion.segments": ("7", "by_type", "by_slot", "by_type"),
    "fusion.text_tokens": ("7", 256, 256, 1),
    "fusion.mask_padding": ("7", True, False, True),
    "fusion.input_heads": ("7", False, False, True),
    "seeds": ("8", [0, 1, 2], [42], [0, 1, 2]),
    # 5 % of the training, against 100 steps of an epoch (or 5 % of it, where that is more)
    "noisy_student.teacher.warmup_fraction": ("8", 0.05, 0.1, 0.05),
    "view_finetuning.training.warmup_fraction": ("8", 0.05, 0.2, 0.05),
    "fusion.training.warmup_fraction": ("8", 0.05, 0.16, 0.05),
} | {f"training.{key}": ("8", *values) for key, values in IN_TRAININGS.items()}


def leaves(value: object, above: str = "") -> dict[str, object]:
    """Every parameter by its full name; the ranges of vital signs are one."""
    if not isinstance(value, dict) or above == "vitals.ranges":
        return {above: value}
    below = {f"{above}.{key}".removeprefix("."): item for key, item in value.items()}
    return {name: leaf for key, item in below.items() for name, leaf in leaves(item, key).items()}


def test_the_published_profiles_differ_where_the_method_says_so_and_nowhere_else() -> None:
    names_of_three = ("paper", "released", "corrected")
    paper, released, corrected = (leaves(read_yaml(locate(name))) for name in names_of_three)
    absent = object()
    values = {
        key: tuple(profile.get(key, absent) for profile in (paper, released, corrected))
        for key in paper | released | corrected
    }
    found = {key: three for key, three in values.items() if not three[0] == three[1] == three[2]}
    assert found == {key: tuple(three) for key, (_, *three) in DIFFERENCES.items()}


@pytest.mark.parametrize("pair", [("paper", "released"), ("paper", "corrected")])
def test_every_difference_between_published_profiles_is_explained(pair: tuple[str, str]) -> None:
    explained = set(re.findall(r"^\| `([\w.]+)`", PAPER_AND_RELEASE.read_text(), re.MULTILINE))
    other_trainings = r"(noisy_student\.(teacher|student)|view_finetuning\.training)\."
    for found in parameter_differences(*map(locate, pair)):
        key = re.sub(other_trainings, "fusion.training.", found.key)
        key = re.sub(r"^vitals\.ranges\..*", "vitals.ranges", key)
        if not key.endswith((".seed", "vitals.hours_before", "vitals.hours_after")):
            assert key in explained, found


def test_the_page_on_paper_and_release_states_the_values_of_the_profiles() -> None:
    columns = [read_yaml(locate(n)) for n in ("paper", "released", "corrected")]
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", PAPER_AND_RELEASE.read_text(), re.MULTILINE)
    assert len(rows) > 20
    for key, cells in rows:
        for cell, column in zip(cells.split(" | "), columns, strict=True):
            value = functools.reduce(operator.getitem, key.split("."), column)
            if not isinstance(value, dict):  # the ranges, which a table cannot hold
                assert parse_yaml(cell.split("`")[1], key) == value, (key, cell)


def test_a_misspelt_key_is_named_with_its_section(edited: Callable[[str, str], Path]) -> None:
    path = edited("  dropout: 0.0\n", "  droput: 0.1\n")
    with pytest.raises(ParamsError) as caught:
        validate_file(path)
    assert f"{path}: fusion.droput" in str(caught.value)
    assert f"{path}: fusion.dropout" in str(caught.value)


def test_every_wrong_value_is_reported_at_once(edited: Callable[[str, str], Path]) -> None:
    path = edited("    learning_rate: 0.001", "    learning_rate: -1.0")
    path.write_text(path.read_text().replace("  layers: 1\n  heads: 8", "  layers: -2\n  heads: 8"))
    with pytest.raises(ParamsError, match=r"(?s)learning_rate.*-1\.0.*fusion\.layers.*-2"):
        validate_file(path)


@pytest.mark.parametrize(
    "seeds",
    [
        *(f"seeds: [{2**63}]", "seeds: []", "seeds:\n- 1\n- 1", "seeds:\n- -1"),
        *("seeds: [1.0]", "seeds: ['1']", "seeds: [true]"),
    ],
)
def test_seeds_are_at_least_one_whole_distinct_and_not_negative(
    seeds: str, edited: Callable[[str, str], Path]
) -> None:
    path = edited("seeds:\n- 0\n- 1\n- 2\n", f"{seeds}\n")
    with pytest.raises(ParamsError, match="seeds"):
        validate_file(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("weight_decay: ", '"inf"'), ("weight_decay: ", ".nan"), ("seed: ", str(2**63))],
)
def test_a_number_that_no_training_can_take_is_refused(
    key: str, value: str, edited: Callable[[str, str], Path]
) -> None:
    path = edited(f"  {key}0", f"  {key}{value} # 0")
    with pytest.raises(ParamsError, match=key.removesuffix(": ")):
        validate_file(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  size: 64", "  size: 8193", r"images\.size: Input should be less than or equal to 8192"),
        (
            "space: cxr-lt-2023",
            "space: [Edema, Silicosis]",
            r"labels\.space: .* Silicosis.*keywords",
        ),
    ],
)
def test_what_a_late_stage_would_refuse_is_refused_at_once(
    old: str, new: str, said: str, edited: Callable[[str, str], Path]
) -> None:
    path = edited(old, new)
    with pytest.raises(ParamsError, match=rf"^{path}: {said}"):
        validate_file(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hold_out_test: true", "hold_out_test: yes"),
        ("classifier: false", "classifier: 'false'"),
        ("classifier: false", "classifier: 0"),
        ("size: 64", "size: '64'"),
        ("signal: 2.35", "signal: true"),
        ("ema_decay: 0.99", "ema_decay: '0.99'"),
        ("clip_norm: 1.0", "clip_norm: true"),
        ("batch_size: 32", "batch_size: '32'"),
    ],
)
def test_a_value_of_another_type_is_refused(
    old: str, new: str, edited: Callable[[str, str], Path]
) -> None:
    with pytest.raises(ParamsError, match=rf"{new.partition(':')[0]}: .* expected (true|a number)"):
        validate_file(edited(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("resamples: 1000", "resamples: 1000001"),
        ("shuffles: 20", "shuffles: 10001"),
        ("depths:", f"mean: [1{400 * '0'}, 0, 0]\n    depths:"),
    ],
)
def test_a_number_too_large_to_end_is_refused(
    old: str, new: str, edited: Callable[[str, str], Path]
) -> None:
    with pytest.raises(ParamsError, match=new.partition(":")[0]):
        validate_file(edited(old, new))


def test_using_a_profile_copies_it_with_its_comments(tmp_path: Path) -> None:
    use("paper", target=tmp_path / "params.yaml")
    assert (tmp_path / "params.yaml").read_bytes() == locate("paper").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("root", ["/data/physionet", "/a b/#c: d", "/données", "/🩻", "/1e-6"])
def test_a_data_root_changes_nothing_but_data_root(root: str, tmp_path: Path) -> None:
    target = tmp_path / "params.yaml"
    assert use("corrected", Path(root), target).data.root == Path(root)
    assert [found.key for found in parameter_differences(locate("corrected"), target)] == [
        "data.root"
    ]
    assert target.read_text().count("#") >= locate("corrected").read_text().count("#")


def test_a_data_root_that_cannot_be_written_is_refused(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    target = tmp_path / "params.yaml"
    with pytest.raises(ParamsError, match=r"edited\.yaml: data\.root .*/data/here"):
        use(str(edited("data:\n", "data: # where\n")), Path("/data/here"), target)
    assert not target.exists()


def test_a_data_root_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"data\.root: .*udcff.* is not UTF-8 text"):
        use("demo", Path("/data/\udcff"), tmp_path / "params.yaml")
    assert list(tmp_path.iterdir()) == []


def test_a_profile_that_does_not_validate_leaves_params_yaml_alone(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    target = tmp_path / "params.yaml"
    target.write_text("as it was")
    with pytest.raises(ParamsError, match="fusion"):
        use(str(edited("  dropout: 0.0", "  dropout: 2.0")), target=target)
    assert target.read_text() == "as it was"


def test_an_unknown_profile_is_answered_with_those_there_are() -> None:
    with pytest.raises(ParamsError, match=r"'papr'.*corrected, demo, paper, released"):
        locate("papr")


def test_outside_the_project_there_are_no_profiles(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=re.escape(str(tmp_path))):
        names(tmp_path)


def test_changes_that_no_profile_holds_are_unsaved(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    assert unsaved(edited("  dropout: 0.0", "  dropout: 0.2"))
    assert not unsaved(locate("released"))
    assert not unsaved(tmp_path / "params.yaml")


def test_where_the_data_lie_and_on_what_they_run_is_no_unsaved_change(
    tmp_path: Path, edited: Callable[[str, str], Path]
) -> None:
    use("paper", Path("/elsewhere"), tmp_path / "params.yaml")
    assert not unsaved(tmp_path / "params.yaml")
    assert not unsaved(edited("  workers: 2", "  workers: 7"))


def test_a_file_differs_from_itself_in_nothing() -> None:
    assert parameter_differences(locate("paper"), locate("paper")) == []


NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)


def compared(left: str, right: str, folder: Path) -> list[tuple[str, str, str]]:
    """Differences of two parameter files whose seeds are written as given."""
    paths = [folder / "left.yaml", folder / "right.yaml"]
    for path, seeds in zip(paths, (left, right), strict=True):
        values = {**dict.fromkeys(SECTIONS, "0"), "seeds": seeds}
        path.write_text("".join(f"{name}: {value}\n" for name, value in values.items()))
    return [(d.key, d.left, d.right) for d in parameter_differences(*paths)]


@given(NUMBERS, NUMBERS)
def test_numbers_differ_exactly_if_their_decimal_values_do(
    tmp_path_factory: pytest.TempPathFactory, left: float, right: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    plain = f"{Decimal(left):f}"  # all digits, without an exponent
    assert compared(f"[{left!r}]", f"[{plain}]", folder) == []
    assert bool(compared(repr(left), repr(right), folder)) == (Decimal(left) != Decimal(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("8e-4", "0.0008"),
        ("1", "1.0"),
        ("010", "10"),
        ("[1, 2.0]", "[1.0, 2]"),
        ("[{a: [1]}]", "[{a: [1.0]}]"),
        ("yes", "'yes'"),
        ("{a: 1, b: 2}", "{b: 2.0, a: 1}"),
    ],
)
def test_what_is_equal_however_written_is_no_difference(
    left: str, right: str, tmp_path: Path
) -> None:
    assert compared(left, right, tmp_path) == []


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        ("true", "1", ("true", "1")),
        ("0.0", "false", ("0.0", "false")),
        ("[1, [true]]", "[1, [1.0]]", ("[1, [true]]", "[1, [1.0]]")),
        ("[{a: 1}]", "[{a: true}]", ('[{"a": 1}]', '[{"a": true}]')),
        ("[1]", "[1, 1]", ("[1]", "[1, 1]")),
        ("1", "'1'", ("1", '"1"')),
        ("yes", "true", ('"yes"', "true")),
        ("null", "0", ("null", "0")),
        ("{}", "[]", ("{}", "[]")),
        ("1e-6", "2e-6", ("1e-06", "2e-06")),
    ],
)
def test_what_differs_is_shown_as_json(
    left: str, right: str, shown: tuple[str, str], tmp_path: Path
) -> None:
    assert compared(left, right, tmp_path) == [("seeds", *shown)]


def test_a_difference_tells_a_null_from_a_key_that_is_not_there() -> None:
    found = {
        d.key: (d.left, d.right)
        for d in parameter_differences(locate("paper"), locate("corrected"))
    }
    assert found["vitals.ranges"] == ("null", "")
    assert found["vitals.ranges.temperature_f"] == ("", "[77.0, 113.0]")
    mirrored = parameter_differences(locate("corrected"), locate("paper"))
    assert {d.key: (d.right, d.left) for d in mirrored} == found
