"""What git and DVC know of the files that a result was made from.

A page that DVC keeps must not name the commit it will be part of: no such commit exists yet when it
is written, and a clone would write another page. It names what follows from its own dependencies
alone, so that it stays the same as long as DVC has no reason to make it again: the commit that last
changed the code that its stage declares, and the digest of what dvc.lock holds of the data that it
declares. The commit that recorded the page is found by the page's own hash in dvc.lock. Code is to
be committed before the page is made: one made of code with changes of its own says so instead, and
a clone of the commit that then has them would make another page.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

LOCK = Path("dvc.lock")
PIPELINE = Path("dvc.yaml")
CODE = ("camchex/", "stages/")
NOT_COMMITTED = "not committed when this was made"


def code_of_stage(name: str, pipeline: Path = PIPELINE) -> list[str]:
    """Files of code that a stage of dvc.yaml declares; none where there is no such stage."""
    if not pipeline.exists():
        return []
    stage = yaml.safe_load(pipeline.read_text())["stages"].get(name, {})
    return [path for path in stage.get("deps", ()) if str(path).startswith(CODE)]


def last_commit(paths: Sequence[str]) -> str | None:
    """The commit that last changed some files.

    Returns:
        Its full hash; ``NOT_COMMITTED`` where the files have changes of their own; None where that
        is not known: without git, or in a clone without its history.
    """
    if not paths or _git("rev-parse", "--is-shallow-repository") != "false":
        return None
    if _git("status", "--porcelain", "--", *paths):
        return NOT_COMMITTED
    return _git("log", "-1", "--format=%H", "--", *paths) or None


def _git(*words: str) -> str | None:
    command = ["git", *words]
    try:
        # The words are this module's own.
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def locked(paths: Iterable[Path], lock: Path = LOCK) -> dict[str, str]:
    """Hash of every output in dvc.lock that is one of some paths, or below one, in order.

    Returns:
        Hash by path; empty without a lock.
    """
    if not lock.exists():
        return {}
    wanted = [path.as_posix() for path in paths]
    stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {}).values()
    outs = {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", ())}
    return {
        path: outs[path]
        for path in sorted(outs)
        if any(path == name or path.startswith(f"{name}/") for name in wanted)
    }


def digest_of_lock(entries: dict[str, str]) -> str | None:
    """SHA-256 of what :func:`locked` returned; None of nothing."""
    if not entries:
        return None
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
