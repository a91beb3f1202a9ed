import threading
from pathlib import Path

import pytest
from filelock import FileLock

from camchex.runs.scratch import locked, scratch_folder

KEYS = ["0123456789abcdef" * 4, "fedcba9876543210" * 4]


def interrupt(folder: Path) -> None:
    with locked(folder, "works"):
        folder.mkdir(exist_ok=True)
        (folder / "half").write_text("1")
        raise KeyboardInterrupt


def test_interrupted_work_is_kept_for_its_key_and_finished_work_is_deleted(tmp_path: Path) -> None:
    folder = scratch_folder(Path("models/gen0"), KEYS[0], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        interrupt(folder)
    with locked(folder, "works"):
        assert (folder / "half").read_text() == "1"
    assert not folder.exists()


def test_work_of_another_key_is_deleted_and_work_on_another_output_is_not(tmp_path: Path) -> None:
    one, other = (scratch_folder(Path("models/gen0"), key, tmp_path) for key in KEYS)
    neighbours = [scratch_folder(Path(out), KEYS[0], tmp_path) for out in ("models", "models/gen")]
    for folder in (one, *neighbours):
        with pytest.raises(KeyboardInterrupt):
            interrupt(folder)
    with locked(other, "works"):
        assert not one.exists()
        assert not other.exists()
    assert all(folder.exists() for folder in neighbours)


def test_work_on_the_same_output_waits_whatever_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scratch_folder(Path("models/gen0"), KEYS[1], tmp_path)
    begun = threading.Event()

    def work() -> None:
        with locked(folder, "trains this"):
            begun.set()

    second = threading.Thread(target=work)
    with FileLock(tmp_path / "models-gen0.lock"):
        second.start()
        assert not begun.wait(0.5)
    second.join()
    assert begun.is_set()
    assert "another process trains this; waiting" in capsys.readouterr().err
