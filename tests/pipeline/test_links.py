"""Outputs that DVC links to its cache: no stage writes into a file that is there already."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo
from pydantic import BaseModel
from torch import nn

from camchex.aggregates.csv_files import write_csv
from camchex.aggregates.small_cells import write_counts
from camchex.contract.files import publish_folder, write_text
from camchex.contract.image_store import ImageStore
from camchex.errors import DataError
from camchex.networks.folder import write_model
from tests.pipeline.code_of_stages import ROOT
from tests.pipeline.linked_stage import PIPELINE, write_quarantine

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # of DVC's own


class Config(BaseModel):
    level: int


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "table": lambda folder, level: write_quarantine(folder / "table.parquet", level),
    "text": lambda folder, level: write_text(folder / "text.md", str(level)),
    "csv": lambda folder, level: write_csv(["level"], [[level]], folder / "rows.csv"),
    "counts": lambda folder, level: write_counts({"level": level}, folder / "counts.json", 1),
    "model": lambda folder, level: write_model(
        folder, Config(level=level), nn.Linear(level, 1), {"vocabulary.txt": str(level)}
    ),
    "folder": lambda folder, level: publish_folder(
        folder, lambda out: write_quarantine(out / "table.parquet", level)
    ),
}


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_linked_to_an_output_keeps_its_content(
    writer: str, link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    out.mkdir()
    WRITERS[writer](out, 1)
    cache.mkdir()
    before = {}
    for file in list(out.iterdir()):
        cached = cache / file.name
        before[cached] = file.read_bytes()
        file.rename(cached)
        link(cached, file)
    WRITERS[writer](out, 2)
    assert before
    for cached, content in before.items():
        assert cached.read_bytes() == content
        assert (out / cached.name).read_bytes() != content
        assert not (out / cached.name).is_symlink()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of one stage."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where dvc is
    monkeypatch.setenv("PATH", path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    subprocess.run(["git", "init", "--quiet", "."], cwd=tmp_path, check=True)
    Repo.init(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(project: Path, link: str) -> None:
    (project / ".dvc/config").write_text(f"[cache]\n    type = {link}\n")


def repro(project: Path, level: int) -> None:
    (project / "params.yaml").write_text(f"level: {level}\n")
    with Repo(project) as repo:
        repo.reproduce()


def require_intact_cache(project: Path, at_least: int) -> None:
    """Every file of the cache has the content that its name is the MD5 of."""
    cached = [p for p in (project / ".dvc/cache/files/md5").rglob("*") if p.is_file()]
    assert len(cached) >= at_least
    for file in cached:
        named = file.parent.name + file.name.removesuffix(".dir")
        assert hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() == named, file


@pytest.mark.slow
def test_another_parameter_leaves_what_is_cached_intact(project: Path) -> None:
    """Under DVC, which deletes outputs before a stage, and by hand, where nobody does."""
    configure(project, "symlink")
    repro(project, 1)
    assert (project / "table.parquet").is_symlink()
    first = {path: path.read_bytes() for path in project.rglob("store/*")}
    require_intact_cache(project, 7)
    repro(project, 2)
    (project / "params.yaml").write_text("level: 3\n")
    by_hand = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.linked_stage"], cwd=project, check=False
    )
    assert not by_hand.returncode
    require_intact_cache(project, 14)
    repro(project, 1)
    assert {path: path.read_bytes() for path in project.rglob("store/*")} == first


@pytest.mark.slow
def test_a_damaged_store_is_made_again_as_its_error_says(project: Path) -> None:
    configure(project, "hardlink")
    repro(project, 1)
    shard = project / "store/shard-00000.arrow"
    right = shard.read_bytes()
    assert shard.stat().st_nlink == 2
    shard.chmod(0o644)  # DVC had made it read-only
    with shard.open("r+b") as file:
        file.seek(len(right) // 2)
        file.write(b"\x05\xff")
    with pytest.raises(DataError, match=r"first run `.*`\. Delete the folder and run") as caught:
        ImageStore(project / "store")
    command = ["sh", "-c", str(caught.value).split("`")[1]]
    subprocess.run(command, cwd=project, check=True)
    shutil.rmtree(project / "store")
    repro(project, 1)
    assert shard.read_bytes() == right
    assert len(ImageStore(project / "store")) == 2


@pytest.mark.slow
def test_the_projects_own_configuration_keeps_nothing_twice(project: Path) -> None:
    """Neither a file nor the files of a folder, also where the disk knows no reflinks."""
    shutil.copy(ROOT / ".dvc/config", project / ".dvc/config")
    repro(project, 1)
    outputs = [project / "table.parquet", *project.glob("store/*"), *project.glob("tables/*")]
    cached = {p.stat().st_ino for p in (project / ".dvc/cache/files/md5").rglob("*")}
    assert len(outputs) > 5
    assert {path.stat().st_ino for path in outputs} <= cached
