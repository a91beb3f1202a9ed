"""The ``camchex`` command: what it prints, and how it fails."""

import errno
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from camchex import __version__
from camchex.check import arithmetic
from camchex.cli import app as cli
from camchex.contract.yaml_file import read_yaml
from camchex.images.unreadable import Note
from camchex.synthetic import preview

REPO = Path(__file__).resolve().parents[2]
Camchex = Callable[..., tuple[int, str, str]]


@pytest.fixture
def camchex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Camchex:
    """Run the command in a folder that holds the demo's params.yaml and the profiles."""
    (tmp_path / "profiles").symlink_to(REPO / "profiles")
    (tmp_path / "params.yaml").write_text((REPO / "profiles" / "demo.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    same = arithmetic.ArithmeticTest((), "")  # by another process; tests/check has its own tests
    monkeypatch.setattr(arithmetic, "self_test", lambda: same)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["camchex", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_help_loads_nothing_that_is_slow() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from camchex.cli.app import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "slow = {'torch', 'pyarrow', 'duckdb', 'numpy', 'pydantic', 'ruamel', 'matplotlib'};"
        "print(*sorted(slow & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert loaded.split() == []


def commands(program: object, name: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command with its groups, without the lists that need no example."""
    below = getattr(program, "commands", {})
    for key, command in below.items():
        yield from commands(command, (*name, key))
    if not below and name != ("profile", "list"):
        yield name


@pytest.mark.parametrize("command", [*commands(get_command(cli.app))], ids=" ".join)
def test_every_command_says_what_it_does_and_shows_an_example_of_itself(
    command: tuple[str, ...],
) -> None:
    shown = " ".join(CliRunner().invoke(cli.app, [*command, "--help"]).output.split())
    assert f"Example: camchex {' '.join(command)}" in shown
    usage, _, _ = shown.partition("Options")
    assert len(usage.split()) > 10


def test_the_version_is_the_package_s(camchex: Camchex) -> None:
    assert camchex("--version") == (0, f"camchex {__version__}\n", "")


def test_profiles_are_listed_with_what_they_are(camchex: Camchex) -> None:
    _, shown, _ = camchex("profile", "list")
    assert [line.split()[0] for line in shown.splitlines()[1:]] == [
        "corrected",
        "demo",
        "paper",
        "released",
    ]
    assert "synthetic cohort" in shown


@pytest.mark.parametrize("first", ["# Of ours [/data] [bold]", "# H\xf4pital"])
def test_a_profile_is_listed_whatever_its_first_line_says(
    camchex: Camchex, tmp_path: Path, first: str
) -> None:
    (tmp_path / "profiles").unlink()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/ours.yaml").write_bytes(f"{first}\n".encode("latin-1"))
    said = first.removeprefix("# ").replace("\xf4", "\ufffd")
    status, shown, _ = camchex("profile", "list")
    assert status == 0
    assert f"ours     {said}" in shown


def test_a_profile_is_put_to_use_with_its_data_root(camchex: Camchex, tmp_path: Path) -> None:
    assert camchex("profile", "use", "paper", "--data-root", "/data/physionet")[0] == 0
    used = read_yaml(tmp_path / "params.yaml")
    assert used["data"]["root"] == "/data/physionet"
    assert used["images"]["size"] == 1024


def test_using_a_profile_does_not_lose_changes_unasked(camchex: Camchex, tmp_path: Path) -> None:
    edit(tmp_path / "params.yaml", "  dropout: 0.0", "  dropout: 0.3")
    before = (tmp_path / "params.yaml").read_text()
    status, _, complaint = camchex("profile", "use", "paper")
    assert status == 1
    assert "--overwrite" in complaint
    assert (tmp_path / "params.yaml").read_text() == before
    assert camchex("profile", "use", "paper", "--overwrite")[0] == 0
    assert (tmp_path / "params.yaml").read_text() != before


@pytest.mark.parametrize("text", ["", "data: {}", "data: ["])
def test_params_yaml_that_cannot_be_read_is_replaced_when_asked_to(
    camchex: Camchex, tmp_path: Path, text: str
) -> None:
    (tmp_path / "params.yaml").write_text(text)
    status, _, complaint = camchex("profile", "use", "demo")
    assert status == 1
    assert "`--overwrite` puts the profile in its place" in complaint
    assert camchex("profile", "use", "demo", "--overwrite")[0] == 0


def test_a_difference_is_shown_with_its_key_and_both_values(camchex: Camchex) -> None:
    _, shown, _ = camchex("profile", "diff", "paper", "released")
    (row,) = [line.split() for line in shown.splitlines() if "fusion.segments" in line]
    assert row == ["fusion.segments", '"by_type"', '"by_slot"']


def test_a_profile_is_compared_with_params_yaml_by_default(
    camchex: Camchex, tmp_path: Path
) -> None:
    assert not re.findall(r"^\w+\.\w+", camchex("profile", "diff", "demo")[1], re.MULTILINE)
    edit(tmp_path / "params.yaml", "  dropout: 0.0", "  dropout: 0.3")
    _, shown, _ = camchex("profile", "diff", "demo")
    assert shown.splitlines()[1].split() == ["fusion.dropout", "0.0", "0.3"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("  dropout: 0.0", "  droput: 0.1", "params.yaml: fusion.droput"),
        ("fusion:\n", "fusoin:\n", "fusoin"),
        ("  max_images: 4", "  max_images: -4", "params.yaml: fusion.max_images"),
        ("seeds:\n- 0", "seeds:\n- zero", "params.yaml: seeds.0"),
        ("labels:\n", "labels: [\n", "params.yaml: not valid YAML"),
    ],
)
def test_a_wrong_parameter_is_one_message_that_names_it(
    camchex: Camchex, tmp_path: Path, old: str, new: str, named: str
) -> None:
    edit(tmp_path / "params.yaml", old, new)
    status, shown, complaint = camchex("check")
    assert (status, shown) == (1, "")
    assert complaint.startswith("error: ")
    assert named in complaint
    assert "Traceback" not in complaint


def test_without_params_yaml_the_way_to_one_is_named(camchex: Camchex, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").unlink()
    status, _, complaint = camchex("check")
    assert status == 1
    assert "camchex profile use demo" in complaint


def test_check_names_what_is_missing(camchex: Camchex) -> None:
    status, shown, complaint = camchex("check")
    assert (status, complaint) == (1, "")
    assert "edstays.csv.gz" in shown


def test_check_reads_a_cohort_in_the_published_layouts(camchex: Camchex, real_data: Path) -> None:
    assert camchex("profile", "use", "demo", "--data-root", str(real_data / "open_cohort"))[0] == 0
    params = Path("params.yaml")
    text = params.read_text().replace("SHA256SUMS.txt", "files")  # it ships no lists, and no zip
    text = text.replace("/mimic-cxr-reports.zip", "")
    params.write_text(text)
    status, shown, _ = camchex("check")
    assert status == 1
    assert "hold_out_test to false" in shown  # its list of test images is empty
    params.write_text(text.replace("hold_out_test: true", "hold_out_test: false"))
    status, shown, _ = camchex("check")
    assert status == 0
    assert "168" in shown  # X-rays of its 147 studies


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_full_disk_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err.startswith("error: No space left on device. ")


@pytest.mark.slow  # imports the networks
class TestPredict:
    """The real input, and a stand-in for the network."""

    @pytest.fixture
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
        from camchex.prediction import one_study as predict

        seen: dict[str, object] = {}

        def predict_study(
            model: Path, study: predict.StudyInput, notes: predict.ImageNotes, _: object
        ) -> dict[str, float]:
            seen.update(model=model, study=study)
            notes.update({path: [Note.RESCALE, Note.PRESENTATION] for path, _ in study.images[2:]})
            return {"Edema": 0.25, "Pneumonia": 0.75, "Hernia": 0.25}

        monkeypatch.setattr(predict, "load", lambda folder: folder)
        monkeypatch.setattr(predict, "predict_study", predict_study)
        return seen

    def test_a_study_reaches_the_model_as_it_was_given(
        self, camchex: Camchex, seen: dict[str, object]
    ) -> None:
        from camchex.prediction.one_study import StudyInput

        arguments = "--model m --frontal a.jpg --frontal b.png --lateral c.dcm --gender F"
        status, _, _ = camchex(
            "predict", *arguments.split(), "--indication", "Fever // ?PNA", "--vitals", "sbp=90"
        )
        assert status == 0
        assert seen["model"] == Path("m")
        images = [
            (Path("a.jpg"), "frontal"),
            (Path("b.png"), "frontal"),
            (Path("c.dcm"), "lateral"),
        ]
        vitals = {"systolic_bp_mmhg": 90.0}
        assert seen["study"] == StudyInput(images, "Fever // ?PNA", vitals, "F")

    @pytest.mark.usefixtures("seen")
    def test_findings_are_sorted_by_probability_then_name(self, camchex: Camchex) -> None:
        _, shown, note = camchex("predict")
        assert [line.split() for line in shown.splitlines()[1:]] == [
            ["Pneumonia", "0.750"],
            ["Edema", "0.250"],
            ["Hernia", "0.250"],
        ]
        assert "not a medical device" in note
        assert "Not calibrated" in note
        assert "models/calibration/seed0.json: no such file" in note

    @pytest.mark.usefixtures("seen")
    def test_json_holds_the_same_and_says_what_it_is_not(self, camchex: Camchex) -> None:
        status, shown, _ = camchex("predict", "--json")
        assert status == 0
        assert json.loads(shown)["probabilities"] == {
            "Pneumonia": 0.75,
            "Edema": 0.25,
            "Hernia": 0.25,
        }
        assert json.loads(shown)["calibrated"] is False
        assert "not a medical device" in json.loads(shown)["note"]

    @pytest.mark.usefixtures("seen")
    def test_an_image_that_contradicts_itself_is_named_with_what_was_decided(
        self, camchex: Camchex
    ) -> None:
        arguments = "predict --frontal a.jpg --frontal b.png --lateral [red]c.dcm"
        _, _, said = camchex(*arguments.split())
        assert f"[red]c.dcm: {Note.RESCALE}; {Note.PRESENTATION}" in said
        _, shown, _ = camchex(*arguments.split(), "--json")
        expected = {"[red]c.dcm": [Note.RESCALE, Note.PRESENTATION]}
        assert json.loads(shown)["image_notes"] == expected

    @pytest.mark.usefixtures("seen")
    def test_probabilities_and_decisions_are_those_of_the_calibration_beside_the_model(
        self, camchex: Camchex, tmp_path: Path
    ) -> None:
        from camchex.scores.calibration_file import Calibration, Platt, write_calibration

        thresholds = {  # of calibrated probabilities
            "Edema": {"max_f1": 0.5, "specificity_90": 0.6},
            "Pneumonia": {"max_f1": 0.6, "specificity_90": 0.5},
            "Hernia": {"max_f1": None, "specificity_90": None},
        }
        lines = {  # odds of 1 to 3, tripled, are even
            "Edema": Platt(intercept=math.log(3), slope=1),
            "Pneumonia": Platt(intercept=0, slope=0.2),
            "Hernia": Platt(intercept=0, slope=1),
        }
        fitted = Calibration(classes=lines, thresholds=thresholds, temperature=1)
        write_calibration(fitted, tmp_path / "models/calibration/seed0.json")
        model = ["--model", str(tmp_path / "models/fusion/seed0")]
        _, shown, _ = camchex("predict", *model, "--decisions")
        assert [line.split() for line in shown.splitlines()[1:]] == [
            ["Pneumonia", "0.555", "no", "yes"],
            ["Edema", "0.500", "yes", "no"],
            ["Hernia", "0.250", "-", "-"],
        ]
        _, shown, _ = camchex("predict", *model, "--decisions", "--json")
        answer = json.loads(shown)
        assert answer["calibrated"]
        assert answer["decisions"]["Edema"] == {"max_f1": True, "specificity_90": False}
        assert answer["probabilities"]["Pneumonia"] == pytest.approx(1 / (1 + 3**-0.2))
        assert answer["as_predicted"] == {"Pneumonia": 0.75, "Edema": 0.25, "Hernia": 0.25}
        _, plain, note = camchex("predict", *model)
        assert plain.splitlines()[1].split() == ["Pneumonia", "0.555"]
        assert "calibrated" not in note

    @pytest.mark.usefixtures("seen")
    def test_a_calibration_of_an_older_version_says_what_to_run(
        self, camchex: Camchex, tmp_path: Path
    ) -> None:
        path = tmp_path / "models/calibration/seed0.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"temperature": 0.5, "thresholds": {"Edema": {"max_f1": 0.2}}}')
        status, _, complaint = camchex("predict", "--model", str(tmp_path / "models/fusion/seed0"))
        assert status == 1
        assert "seed0.json: not a calibration of this version" in complaint
        assert "dvc repro evaluate" in complaint

    def test_an_image_without_a_view_is_given_one(
        self, camchex: Camchex, seen: dict[str, object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from camchex.prediction import one_study, unknown_views
        from camchex.views.view_classifier import Seen

        found = Seen("lateral", 0.98, is_sure=True, inverted=0.75, upside_down=0.0)
        monkeypatch.setattr(one_study, "image_preparation", lambda model: model)
        monkeypatch.setattr(unknown_views, "look_at_images", lambda paths, *_: {paths[0]: found})
        words = ["predict", "--model", "a/b/c", "--frontal", "a.jpg", "--image", "b.jpg"]
        _, _, note = camchex(*words)
        assert seen["study"].images == [(Path("a.jpg"), "frontal"), (Path("b.jpg"), "lateral")]
        assert "b.jpg: lateral, with probability 0.980. It looks inverted" in note
        _, shown, _ = camchex(*words, "--json")
        assert json.loads(shown)["views"]["b.jpg"] == {
            "view": "lateral",
            "confidence": 0.98,
            "is_sure": True,
            "inverted": 0.75,
            "upside_down": 0.0,
        }

    @pytest.mark.usefixtures("seen")
    def test_decisions_without_thresholds_are_refused(self, camchex: Camchex) -> None:
        status, _, complaint = camchex("predict", "--model", "a/b/c", "--decisions")
        assert status == 1
        assert "a/calibration/c.json: no such file" in complaint

    def test_a_missing_model_is_one_message(self, camchex: Camchex) -> None:
        status, _, complaint = camchex("predict", "--model", "nowhere")
        assert status == 1
        assert complaint.startswith("error: nowhere")
        assert "Traceback" not in complaint


@pytest.mark.slow
@pytest.mark.parametrize("sheet", [["preview", "--studies", "2"], ["findings"]])
def test_the_synthetic_cohort_can_be_looked_at(
    camchex: Camchex, tmp_path: Path, sheet: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "PIXELS", 32)
    assert camchex("synthetic", *sheet, "--out", "sheet.png")[0] == 0
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
