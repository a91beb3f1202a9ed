"""`camchex verify`: a made-up run in a repository of its own, and every way it can differ."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from camchex.cli import app as cli
from camchex.cli import machine
from camchex.comparisons.seed_spread import RULE
from camchex.contract.yaml_file import read_yaml, yaml_text

REPO = Path(__file__).resolve().parents[2]
EQUAL, WITHIN = "equal bytes", "equal within the recorded spread over seeds"
DIFFERENT, NOT_MADE = "different", "not made here"
Verify = Callable[..., tuple[int, str, str]]
Lock = dict[str, Any]


def entry(deps: str, outs: str, **params: object) -> dict[str, Any]:
    """A stage of a lock; every hash is that of the recorded run."""
    made = {
        "cmd": "true",
        "deps": [{"path": path, "hash": "md5", "md5": f"of {path}"} for path in deps.split()],
        "outs": [{"path": path, "hash": "md5", "md5": f"of {path}"} for path in outs.split()],
    }
    return {**made, "params": {"params.yaml": params}} if params else made


# The order of the file is not the order of the pipeline: DVC appends what it ran first.
MAIN = {
    "report": entry("metrics/seeds models/fusion metrics/audit.json", "metrics/summary.json page"),
    "cohort": entry("code/cohort.py data/raw/table.csv", "data/cohort", labels={"space": "a"}),
    "train_teacher": entry("data/cohort", "models/gen0 metrics/curves/gen0", training={"lr": 0.1}),
    "train_fusion@0": entry("models/gen0 data/cohort", "models/fusion/seed0"),
    "train_fusion@1": entry("models/gen0 data/cohort", "models/fusion/seed1"),
    "evaluate@0": entry("models/fusion/seed0", "metrics/seeds/seed0.json"),
    "evaluate@1": entry("models/fusion/seed1", "metrics/seeds/seed1.json"),
    "audit": entry("models/fusion", "metrics/audit.json"),
}
RAW = {
    "make": entry("code/make.py", "data/raw"),
    "ceiling": entry("metrics/seeds data/ablation", "metrics/ceiling.json"),
}
ABLATIONS = {
    "variant": entry("data/cohort", "models/ablation data/ablation"),
    "evaluate": entry("data/ablation", "metrics/variant.json"),
    "table3": entry("metrics/variant.json metrics/seeds", "metrics/ablations/table3.json"),
}
LOCKS = {
    "dvc.lock": MAIN,
    "data/synthetic/dvc.lock": RAW,
    "ablations/dvc.lock": ABLATIONS,
}
ORDER = [
    *("data/synthetic/dvc.yaml:make", "cohort", "train_teacher", "train_fusion@0", "evaluate@0"),
    *("train_fusion@1", "evaluate@1", "audit", "report"),
]
FURTHER = [
    *("ablations/dvc.yaml:variant", "data/synthetic/dvc.yaml:ceiling"),
    *("ablations/dvc.yaml:evaluate", "ablations/dvc.yaml:table3"),
]


def score(mean: float, sd: float | None = 0.003) -> dict[str, float | None]:
    return {"mean": mean, "sd": sd}


def summary(mean: float = 0.6, sd: float | None = 0.003) -> str:
    level = {"mAP": score(mean, sd), "AUROC": score(0.87, sd), "classes_scored": 26}
    seeds = [0, 1] if sd else [0]
    return json.dumps({"details": [{"seeds": seeds, "study": level, "image": level}]})


def table(mean: float = 0.5) -> str:
    many = {"label": "all images", "models": 2, "mAP": score(mean), "AUROC": score(0.8)}
    one = {"label": "one", "models": 1, "mAP": score(mean, None), "AUROC": score(0.7, None)}
    return json.dumps({"seeds": [0, 1], "rows": {"multi_view": many, "gen4": one}})


def missing(mean: float) -> str:
    row = {"label": "indication", "studies": 40, "mAP": score(mean), "AUROC": score(0.8)}
    return json.dumps({"seeds": [0, 1], "rows": {"indication": row}})


def git(*words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def write_locks(locks: dict[str, Lock]) -> None:
    for path, stages in locks.items():
        write(path, yaml_text({"schema": "2.0", "stages": stages}))


def edit(path: str, stage: str, *, out: str = "", dep: str = "", md5: str = "other") -> None:
    """Give an output or a dependency of a stage another hash."""
    lock = read_yaml(Path(path))
    for kind, name in (("outs", out), ("deps", dep)):
        for found in lock["stages"][stage][kind]:
            if found["path"] == name:
                found["md5"] = md5
    write(path, yaml_text(lock))


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a recorded run, in which the first pipeline was run, with equal bytes."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "-q")
    write(".gitignore", "/data/raw\n/data/cohort\n/data/ablation\n/models\n/page\n")
    write("params.yaml", (REPO / "params.yaml").read_text())
    write("constraints.txt", "numpy==0.1\nno-such-package==3\n")
    write_locks(LOCKS)
    for name in ("code/cohort.py", "code/make.py", "metrics/curves/gen0/loss.tsv"):
        write(name, "1\n")
    for name in ("seeds/seed0", "seeds/seed1", "audit", "ceiling", "variant"):
        write(f"metrics/{name}.json", "{}")
    write("metrics/summary.json", summary())
    write("metrics/ablations/table3.json", table())
    git("add", ".")
    git("commit", "-qm", "Record a run")
    write("data/raw/table.csv", "1\n")
    for model in ("gen0", "fusion/seed0", "fusion/seed1"):
        write(f"models/{model}/weights", "1\n")
    write("data/cohort", "1\n")
    write("page", "1\n")
    return folder


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Verify]:
    """Run the command; nothing is known to differ in arithmetic."""
    monkeypatch.setattr(machine, "differing_operations", list)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["camchex", "verify", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


def verdicts(verify: Verify) -> tuple[int, dict[str, str], dict[str, Any]]:
    status, printed, _ = verify("--json")
    found = json.loads(printed)
    return status, {stage["name"]: stage["verdict"] for stage in found["stages"]}, found


def test_equal_bytes_are_said_in_the_order_of_the_pipeline(verify: Verify) -> None:
    status, found, printed = verdicts(verify)
    assert status == 0
    assert list(found) == [*ORDER, *FURTHER]
    assert {found[name] for name in ORDER} == {EQUAL}
    assert {found[name] for name in FURTHER} == {NOT_MADE}  # a run is complete without them
    assert (printed["verdict"], printed["reproduced"]) == (EQUAL, True)
    assert printed["commit"] == git("rev-parse", "HEAD")
    assert (printed["machine"], printed["rule"]) == ([], RULE)
    status, text, _ = verify()
    assert status == 0
    assert text.rstrip().endswith("Equal bytes: every stage that was made here (9).")


def test_a_clone_in_which_nothing_was_run_is_not_a_success(verify: Verify) -> None:
    git("clean", "-xfdq")
    status, found, printed = verdicts(verify)
    assert status == 1
    assert set(found.values()) == {NOT_MADE}  # although git holds metrics of half of the stages
    assert printed["verdict"] == NOT_MADE
    status, text, _ = verify()
    assert status == 1
    assert "Not complete: 8 of the 8 stages of dvc.yaml were not made here: cohort" in text
    assert "`make repro`" in text


def test_a_run_that_was_stopped_is_equal_so_far_and_not_complete(
    made: Path, verify: Verify
) -> None:
    (made / "page").unlink()
    status, found, _ = verdicts(verify)
    assert status == 1
    assert found.pop("report") == NOT_MADE
    assert {found[name] for name in ORDER if name != "report"} == {EQUAL}


def train_elsewhere(mean: float) -> None:
    """Record here what a machine that rounds differently makes, from the first training on."""
    for stage in ("train_fusion@0", "train_fusion@1", "train_teacher"):
        edit("dvc.lock", stage, dep="models/gen0")
    edit("dvc.lock", "train_teacher", out="models/gen0")
    for seed in "01":
        edit("dvc.lock", f"train_fusion@{seed}", out=f"models/fusion/seed{seed}")
        edit("dvc.lock", f"evaluate@{seed}", dep=f"models/fusion/seed{seed}")
        edit("dvc.lock", f"evaluate@{seed}", out=f"metrics/seeds/seed{seed}.json")
        write(f"metrics/seeds/seed{seed}.json", '{"here": 1}')
    for dep in ("metrics/seeds", "models/fusion"):
        edit("dvc.lock", "report", dep=dep)
        edit("dvc.lock", "audit", dep=dep)
    edit("dvc.lock", "report", out="metrics/summary.json")
    write("metrics/summary.json", summary(mean))


def test_other_bytes_with_scores_within_the_spread_are_accepted(verify: Verify) -> None:
    train_elsewhere(0.605)
    status, found, printed = verdicts(verify)
    assert status == 0
    assert [name for name in ORDER if found[name] == EQUAL] == [*ORDER[:2], "audit"]
    assert {found[n] for n in ORDER[2:] if n != "audit"} == {WITHIN}
    assert printed["verdict"] == WITHIN
    (row,) = [s for s in printed["scores"] if s["name"] == "mAP per study"]
    assert (row["recorded"]["mean"], row["here"]["mean"], row["within"]) == (0.6, 0.605, True)
    _, text, _ = verify()
    assert f"Bytes differ from train_teacher on; scores are {WITHIN}." in text
    assert "train_teacher made other bytes: models/gen0." in text
    assert "run with the recorded code, raw data and parameters" in text
    assert RULE in text


def test_other_scores_are_different_from_the_first_stage_that_they_depend_on(
    verify: Verify,
) -> None:
    train_elsewhere(0.5)
    status, found, _ = verdicts(verify)
    assert status == 1
    assert {found[n] for n in ORDER[2:] if n != "audit"} == {DIFFERENT}
    _, text, _ = verify()
    assert "Bytes differ from train_teacher on; this is the first stage that is different." in text


def test_data_that_differ_are_different_whatever_the_scores(made: Path, verify: Verify) -> None:
    edit("dvc.lock", "cohort", out="data/cohort")
    edit("dvc.lock", "cohort", dep="code/cohort.py")
    for stage in ("train_teacher", "train_fusion@0", "train_fusion@1"):
        edit("dvc.lock", stage, dep="data/cohort")
    lock = read_yaml(made / "dvc.lock")
    lock["stages"]["cohort"]["params"]["params.yaml"]["labels"]["space"] = "b"
    write("dvc.lock", yaml_text(lock))
    status, found, printed = verdicts(verify)
    assert status == 1
    assert [name for name, verdict in found.items() if verdict == DIFFERENT] == ["cohort"]
    (stage,) = [s for s in printed["stages"] if s["name"] == "cohort"]
    assert stage["outputs"] == ["data/cohort"]
    assert stage["code_and_data"] == ["code/cohort.py"]
    assert stage["parameters"] == ['labels.space: "a" -> "b"']


def test_a_file_that_is_not_as_git_has_it_is_not_equal(verify: Verify) -> None:
    write("metrics/curves/gen0/loss.tsv", "2\n")  # the lock says nothing of it
    status, found, printed = verdicts(verify)
    assert (status, found["train_teacher"]) == (0, WITHIN)
    (stage,) = [s for s in printed["stages"] if s["name"] == "train_teacher"]
    assert stage["outputs"] == ["metrics/curves/gen0"]
    write("metrics/curves/gen0/loss.tsv", "1\n")
    write("metrics/curves/gen0/new.tsv", "1\n")
    assert verdicts(verify)[1]["train_teacher"] == WITHIN


def test_a_training_without_scores_made_from_it_is_different(verify: Verify) -> None:
    edit("dvc.lock", "train_teacher", out="models/gen0")
    status, found, _ = verdicts(verify)
    assert status == 1
    assert found["train_teacher"] == DIFFERENT
    # What follows was not run since: the fusions still name the recorded weights as what they read.
    assert {found[name] for name in ORDER[3:]} == {NOT_MADE}


def test_a_folder_with_a_new_file_was_not_read_by_a_stage_that_names_the_old_folder(
    verify: Verify,
) -> None:
    edit("dvc.lock", "train_fusion@1", out="models/fusion/seed1")
    edit("dvc.lock", "evaluate@1", dep="models/fusion/seed1")
    found = verdicts(verify)[1]
    assert found["evaluate@1"] == EQUAL
    assert found["audit"] == found["report"] == NOT_MADE  # both read models/fusion as a whole


def test_one_seed_has_no_spread(verify: Verify) -> None:
    write("metrics/summary.json", summary(sd=None))
    git("commit", "-qam", "One seed")
    train_elsewhere(0.6)
    write("metrics/summary.json", summary(sd=None))
    assert verdicts(verify)[0] == 0  # equal as written
    write("metrics/summary.json", summary(0.60001, sd=None))
    assert verdicts(verify)[0] == 1


def test_a_table_of_variants_is_judged_by_its_own_rows(verify: Verify) -> None:
    write("data/ablation", "1\n")
    write("models/ablation/weights", "1\n")
    edit("ablations/dvc.lock", "table3", out="metrics/ablations/table3.json")
    write("metrics/ablations/table3.json", table(0.4))
    status, found, printed = verdicts(verify)
    assert status == 1
    assert [n for n, verdict in found.items() if verdict == DIFFERENT] == [
        "ablations/dvc.yaml:table3"
    ]
    names = {s["name"] for s in printed["scores"]}
    assert "mAP, all images" in names
    assert "mAP, one" not in names  # a single model has no spread
    write("metrics/ablations/table3.json", table(0.504))
    status, found, _ = verdicts(verify)
    assert (status, found["ablations/dvc.yaml:table3"]) == (0, WITHIN)
    edit("data/synthetic/dvc.lock", "ceiling", out="metrics/ceiling.json")
    assert verdicts(verify)[1]["data/synthetic/dvc.yaml:ceiling"] == WITHIN  # judged by all scores
    write("metrics/ablations/table3.json", table(0.4))
    assert verdicts(verify)[1]["data/synthetic/dvc.yaml:ceiling"] == DIFFERENT


def test_the_table_of_missing_inputs_is_judged_by_its_own_rows_too(verify: Verify) -> None:
    path = "metrics/ablations/missing.json"
    write("data/ablation", "1\n")
    write("models/ablation/weights", "1\n")
    write(path, missing(0.5))
    further = ABLATIONS | {"missing": entry("metrics/variant.json metrics/seeds", path)}
    write_locks({"ablations/dvc.lock": further})
    git("add", ".")
    git("commit", "-qm", "Record what is missing")
    edit("ablations/dvc.lock", "missing", out=path)
    for mean, expected in ((0.504, WITHIN), (0.4, DIFFERENT)):
        write(path, missing(mean))
        _, found, printed = verdicts(verify)
        assert "mAP, indication" in {s["name"] for s in printed["scores"]}
        assert found["ablations/dvc.yaml:missing"] == expected


def test_another_commit_can_be_named(verify: Verify) -> None:
    train_elsewhere(0.5)
    git("commit", "-qam", "My run")
    assert verify()[0] == 0
    status, text, _ = verify("--against", "HEAD~1")
    assert status == 1
    assert git("rev-parse", "HEAD~1")[:12] in text


def test_stages_of_which_nothing_is_recorded_are_named(made: Path, verify: Verify) -> None:
    lock = read_yaml(made / "dvc.lock")
    lock["stages"]["train_fusion@2"] = entry("models/gen0", "models/fusion/seed2")
    write("dvc.lock", yaml_text(lock))
    _, text, _ = verify()
    assert "Only here, not recorded: train_fusion@2" in text


def test_without_a_lock_or_a_commit_it_is_said_what_to_do(
    made: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made / "dvc.lock").unlink()
    status, _, complaint = verify()
    assert status == 1
    assert "dvc.lock: not in this folder" in complaint
    assert "`make repro`" in complaint
    git("rm", "-q", "dvc.lock")
    git("commit", "-qm", "Forget")
    assert "dvc.lock: not in commit" in verify()[2]
    assert "no commit nowhere" in verify("--against", "nowhere")[2]
    outside = made.parent / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    assert "in a clone of the repository, with git installed" in verify()[2]
    monkeypatch.chdir(made)
    monkeypatch.setenv("PATH", "")
    assert "in a clone of the repository, with git installed" in verify()[2]


@pytest.mark.parametrize("text", ["{}", summary().replace("[0, 1]", "[]")])
def test_a_file_of_scores_that_holds_none_is_an_error(text: str, verify: Verify) -> None:
    write("metrics/summary.json", text)
    status, _, complaint = verify()
    assert status == 1
    assert "metrics/summary.json of this folder: not the scores" in complaint


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"seeds": [], "rows": []}',
        table().replace('"mean": 0.5, ', ""),
        table().replace("0.5", "NaN"),
        table().replace("0.5", '"0.5"'),
        table().replace("0.003", "-1"),
        "\xff",
    ],
)
def test_scores_that_are_none_are_an_error(text: str, verify: Verify) -> None:
    Path("metrics/ablations/table3.json").write_bytes(text.encode("latin-1"))
    status, _, complaint = verify()
    assert status == 1
    assert "metrics/ablations/table3.json of this folder: not " in complaint


DAMAGED = {
    "a list": "- 1\n",
    "an empty list": "[]",
    "text": "hello",
    "stages in a list": "stages: [1]",
    "a stage of nothing": "stages: {audit: }",
    "a stage of text": "stages: {audit: text}",
    "outputs of nothing": "stages: {audit: {outs: }}",
    "an output without a path": "stages: {audit: {outs: [{md5: a}]}}",
    "an output without a hash": "stages: {audit: {outs: [{path: a}]}}",
    "a path that is a number": "stages: {audit: {outs: [{path: 1, md5: a}]}}",
    "parameters of nothing": "stages: {audit: {params: }}",
    "a file of parameters of nothing": "stages: {audit: {params: {params.yaml: }}}",
    "a conflict": "<<<<<<< HEAD\nstages: {}\n",
    "no UTF-8": "\xff\xfe",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
@pytest.mark.parametrize("lock", ["dvc.lock", "ablations/dvc.lock"])
def test_a_damaged_lock_file_is_one_message(lock: str, text: str, verify: Verify) -> None:
    Path(lock).write_bytes(text.encode("latin-1"))
    status, shown, complaint = verify()
    assert (status, shown) == (1, "")
    assert complaint.startswith(f"error: {lock} of this folder: ")


def test_a_damaged_lock_file_of_a_commit_is_one_message(verify: Verify) -> None:
    Path("dvc.lock").write_bytes(b"\xff\xfe")
    git("commit", "-qam", "Damage")
    assert verify()[2].startswith("error: dvc.lock of commit ")


def test_what_differs_on_this_machine_is_said_where_bytes_differ(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = read_yaml(REPO / "params.yaml")
    content["runtime"] = {**content["runtime"], "portable": False, "accelerator": "cpu"}
    write("params.yaml", yaml_text(content))
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    train_elsewhere(0.605)
    said = " ".join(verdicts(verify)[2]["machine"])
    assert "numpy: " in said
    assert "not 0.1 as recorded" in said
    assert "no-such-package" not in said
    assert "runtime.portable: False, not True as recorded" in said
    assert "processor: aarch64" in said


def test_the_self_test_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tests = iter(
        [
            SimpleNamespace(differs=("exp",), advice="Use x86-64."),
            SimpleNamespace(differs=(), advice=""),
        ]
    )
    arithmetic = SimpleNamespace(self_test=lambda: next(tests))
    monkeypatch.setitem(sys.modules, "camchex.check.arithmetic", arithmetic)
    assert machine.differing_operations() == [
        "arithmetic: exp gives other bytes than recorded",
        "arithmetic: Use x86-64.",
    ]
    assert machine.differing_operations() == []
