"""What every test shares: no network, the order of files, and real data where it is present."""

import atexit
import gc
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DVC_TEST"] = "1"  # no process beside each call for statistics and newer versions
# Test processes share two cores: threads of small sums would wait for each other, at full load.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.runs import preloaded

CODE = ("ablations", "benchmarks", "camchex", "stages")
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LONGEST = "test_end_to_end.py"

gc.disable()  # until all tests are collected: next to nothing of that is garbage


def pytest_configure(config: pytest.Config) -> None:
    """Where several processes run tests, let one more import for them and their stages.

    Nothing of weight is imported before that process has been started.
    """
    if _leads_processes(config):
        config.add_cleanup(preloaded.start())
        # `python -m` finds the tests here; pytest-cov sees nothing of what is imported before it.
        if Path.cwd() == config.rootpath and not config.getoption("cov_source", None):
            worker = f"popen//python={sys.executable} -m tests.runs.worker"
            config.option.tx = [worker] * len(config.option.tx)
    import numpy as np  # noqa: F401 - here, a notice about features that the processor lacks is no error
    from hypothesis import settings

    settings.register_profile("camchex", deadline=None)  # a busy machine is no failure
    settings.load_profile("camchex")


@pytest.hookimpl(trylast=True)  # Hypothesis lets nobody use its folder before its own hook
def pytest_sessionstart(session: pytest.Session) -> None:
    if _leads_processes(session.config):
        threading.Thread(target=_keep_constants, daemon=True).start()


def _leads_processes(config: pytest.Config) -> bool:
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


def _keep_constants() -> None:
    """Let Hypothesis look through letters and code once, while the other process imports.

    It keeps what it finds in a folder; in a fresh clone, each test process would do it for itself.
    """
    from hypothesis.internal.charmap import charmap
    from hypothesis.internal.constants_ast import constants_from_module

    charmap()
    for path in [path for name in CODE for path in Path(name).rglob("*.py")]:
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        constants_from_module(module)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest file first, then those with slow tests: all processes end together so."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != LONGEST, item.path not in slow))


def pytest_collection_finish() -> None:
    """Collect garbage again, but seldom, and never look through what the collection left.

    The end of the process takes that apart, after pytest's last look: bindings complain otherwise.
    """
    gc.freeze()
    atexit.register(gc.unfreeze)
    gc.set_threshold(10_000)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    """Let all queries share a database: to open one takes as long as the query of a test."""
    import duckdb

    from camchex.contract import tables

    with duckdb.connect() as shared, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "duckdb", SimpleNamespace(connect=shared.cursor))
        yield


@pytest.fixture(scope="session", autouse=True)
def yaml() -> Iterator[None]:
    """Let a YAML file be parsed once, of which each reader has a copy: all read the same few."""
    from camchex.contract import yaml_file

    parse, parsed = yaml_file.parse_yaml, dict[str, bytes]()

    def parse_once(text: str, where: str) -> object:
        if text not in parsed:
            parsed[text] = pickle.dumps(parse(text, where))
        # The quickest deep copy; of bytes that this process has just made, and of no file.
        return pickle.loads(parsed[text])  # noqa: S301

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_file, "parse_yaml", parse_once)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Open data beside the checkout; a test that needs it is skipped where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no open data at {REAL_DATA}")
    return REAL_DATA
