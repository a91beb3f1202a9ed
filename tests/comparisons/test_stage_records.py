"""What a lock file says of stages, and the order that follows from it."""

import itertools

from camchex.comparisons.stage_records import (
    StageRecord,
    all_outs,
    in_order,
    made_from,
    read_stages,
    within,
)


def stage(outs: str, deps: str = "") -> StageRecord:
    return StageRecord(dict.fromkeys(outs.split(), "a"), dict.fromkeys(deps.split(), "a"), {})


STAGES = {
    "raw": stage("data/raw"),
    "ingest": stage("data/table", "code.py data/raw/labels.csv"),  # a file of an output
    "train@0": stage("models/seed0", "data/table"),
    "train@1": stage("models/seed1", "data/table"),
    "score": stage("scores.json", "models data/table"),  # a folder of outputs
    "alone": stage("datable", "data_"),
}


def test_a_stage_is_made_from_what_it_reads_in_whole_or_in_part() -> None:
    assert made_from(STAGES) == {
        "raw": [],
        "ingest": ["raw"],
        "train@0": ["ingest"],
        "train@1": ["ingest"],
        "score": ["train@0", "train@1", "ingest"],
        "alone": [],
    }


def test_every_order_of_a_lock_gives_an_order_of_the_pipeline() -> None:
    for names in itertools.permutations(STAGES):
        shuffled = {name: STAGES[name] for name in names}
        order = in_order(shuffled)
        assert sorted(order) == sorted(STAGES)
        for name, makers in made_from(shuffled).items():
            assert all(order.index(maker) < order.index(name) for maker in makers)
    assert in_order(STAGES) == list(STAGES)


def test_a_lock_is_read_as_dvc_writes_it() -> None:
    lock = {
        "schema": "2.0",
        "stages": {
            "train": {
                "cmd": "python train.py",
                "deps": [{"path": "train.py", "hash": "md5", "md5": "d1", "size": 3}],
                "params": {"params.yaml": {"fusion": {"layers": 1}, "images.size": 64}},
                "outs": [{"path": "models/a", "md5": "o1.dir", "nfiles": 2}],
            },
            "bare": {"cmd": "true"},
        },
    }
    found = read_stages(lock)
    expected = StageRecord(
        {"models/a": "o1.dir"}, {"train.py": "d1"}, {"fusion": {"layers": 1}, "images.size": 64}
    )
    assert found == {"train": expected, "bare": StageRecord({}, {}, {})}
    assert all_outs(found) == {"models/a": "o1.dir"}
    assert read_stages(None) == read_stages({"schema": "2.0"}) == {}


def test_a_path_lies_in_its_folders_only() -> None:
    assert within("a/b", "a")
    assert within("a", "a")
    assert not within("ab", "a")
    assert not within("a", "a/b")
