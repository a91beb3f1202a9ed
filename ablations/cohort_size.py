"""Does joint reading lack data? CaMChex and late fusion in synthetic cohorts of several sizes.

``python -m ablations.cohort_size --sizes 1300 5200 20800 --synergy 0 1 --out FOLDER`` makes a
cohort for each size and share of shared shadows, in a folder of its own. On each it trains the
teacher, the encoder of each view from it (there is no noisy student), and then, side by side,
CaMChex and the models of images, indication and vital signs, with their image encoders. A training
takes the same number of steps in every cohort, so that a larger one differs by its studies alone.

Stages run as processes with their own working directory, all cohorts side by side. They are forked
from a server that has imported the stages once, which takes longer than a small training. Results
are written after every seed of every cohort; after ``--minutes`` what still runs is stopped.
"""

import argparse
import importlib
import json
import math
import multiprocessing
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from unittest.mock import patch

from ablations import PROJECT
from ablations.cohorts import Settings, changed_parameters
from camchex.aggregates.results import Results, write_results
from camchex.contract.files import write_text
from camchex.errors import CamchexError

RAW, TRUTH = Path("data/synthetic/raw"), Path("data/synthetic/truth")
TABLES, METRICS = Path("data/interim"), Path("metrics/data")
STORE, COHORT = Path("data/images/mimic"), Path("data/cohort.parquet")


def _files(folder: Path, suffix: str, *names: str) -> dict[str, Path]:
    return {name: folder / f"{name}{suffix}" for name in names}


INGESTED = _files(TABLES / "mimic", ".parquet", "images", "labels", "studies", "mimic14")
IMAGES, STUDIES = INGESTED["images"], INGESTED["studies"]
VIEWS = TABLES / "mimic/views.parquet"
LINKED = _files(TABLES, ".parquet", "indications", "vitals")
PUBLISHED = ("metadata", "split", "chexpert")
DATA: Mapping[str, Mapping[str, Path]] = {
    "make_synthetic": {"raw": RAW, "truth": TRUTH},
    "ingest_mimic": {
        **{name: RAW / f"mimic-cxr-jpg/mimic-cxr-2.0.0-{name}.csv.gz" for name in PUBLISHED},
        "cxr_lt": RAW / "cxr-lt-2023",
        **INGESTED,
        "metrics": METRICS / "mimic.json",
    },
    "prepare_images": {"images": IMAGES, "out": STORE, "metrics": METRICS / "images_mimic.json"},
    "classify_views": {
        "images": IMAGES,
        "studies": STUDIES,
        "store": STORE,
        "out": VIEWS,
        "model": Path("models/view_classifier"),
        "metrics": METRICS / "views.json",
    },
    "extract_indications": {
        "studies": STUDIES,
        "out": LINKED["indications"],
        "metrics": METRICS / "indications.json",
    },
    "link_vitals": {
        "studies": STUDIES,
        **_files(RAW / "mimic-iv-ed/ed", ".csv.gz", "edstays", "triage", "vitalsign"),
        "out": LINKED["vitals"],
        "metrics": METRICS / "vitals.json",
    },
    "build_cohort": {
        **INGESTED,
        **LINKED,
        "views": VIEWS,
        "store": STORE,
        "out": COHORT,
        "duplicates": Path("data/duplicates/mimic.parquet"),
        "metrics": METRICS / "cohort.json",
    },
}
"""Stages from raw files to the cohort, in their order, with their paths as in dvc.yaml."""
MODELS: Mapping[str, list[str]] = {
    "images+indication+vitals": [],
    "images": ["inputs=[images]"],
    "indication": ["inputs=[indication]"],
    "vitals": ["inputs=[vitals]"],
}
TRAININGS = {
    "noisy_student.teacher": 1.67,
    "view_finetuning.training": 0.84,
    "fusion.training": 1.0,
}
"""Sections of the trainings, with their samples per training study (of a view, half the images)."""
ENCODERS = ("frontal", "lateral")
READ = {"cohort": COHORT, "store": STORE}
GAIN = "ablations.reading_gain"
PRELOADED = ["train_teacher", "finetune_view", "train_fusion", "predict", *DATA]
FORKED = multiprocessing.get_context("forkserver")


def call(folder: Path, module: str, function: str, words: Mapping[str, object]) -> None:
    """Call a function in a folder, as a process of its own; what it prints goes to ``log`` there.

    Trainings keep no local log of their speed: it takes longer than their short epochs.
    """
    os.setpgid(0, 0)  # so that it can be stopped with the processes that it starts
    os.chdir(folder)
    with (folder / "log").open("a") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    try:
        import torch

        torch.set_num_threads(1)  # the processes are the parallelism
        main = getattr(importlib.import_module(module), function)
        with patch("camchex.training.callbacks.Live"):
            main(**words)
    except CamchexError as error:
        print(f"error: {error}", flush=True)  # noqa: T201 - into the log
        sys.exit(1)
    except BaseException:
        traceback.print_exc()
        raise


@dataclass
class Runner:
    """Processes that run, and what they left."""

    options: argparse.Namespace
    processes: list[ForkServerProcess] = field(default_factory=list)
    found: dict[str, Results] = field(default_factory=dict)  # by name of the cohort
    reached: dict[str, str] = field(default_factory=dict)  # last begun part, by cohort
    over: bool = False
    lock: Lock = field(default_factory=Lock)

    def start(self, folder: Path, module: str, function: str, **words: object) -> ForkServerProcess:
        """Start :func:`call`; refuse once time is over."""
        with self.lock:
            if self.over:
                raise TimeoutError
            process = FORKED.Process(target=call, args=(folder, module, function, words))
            process.start()
            self.processes.append(process)
        return process

    def wait(self, *processes: ForkServerProcess) -> None:
        """Wait for processes.

        Raises:
            RuntimeError: If one failed.
        """
        for process in processes:
            process.join()
        if self.over:
            raise TimeoutError
        if any(process.exitcode for process in processes):
            raise RuntimeError

    def stop(self) -> None:
        """Stop what still runs, with the processes that it started."""
        with self.lock:
            self.over = True
            for process in self.processes:
                if process.is_alive() and process.pid:
                    try:
                        os.killpg(process.pid, signal.SIGKILL)
                    except ProcessLookupError:  # it has not yet made itself a group
                        process.kill()

    def keep(self, name: str, found: Results) -> None:
        """Keep what was found in a cohort, and write all that was found so far."""
        with self.lock:
            self.found[name] = found
            self.write()

    def write(self) -> str:
        """Write the results that are there as JSON and as Markdown, which is returned."""
        from ablations import reading_gain

        wanted = self.options.seeds
        results = {
            "title": "Joint and late fusion as the cohort grows",
            "data": "synthetic",
            "not_finished": [
                f"{name} ({part})"
                for name, part in self.reached.items()
                if self.found.get(name, {}).get("seeds") != wanted
            ],
            "cohorts": [self.found[name] for name in self.reached if name in self.found],
        }
        text = reading_gain.gains_text(results)
        write_results(results, self.options.out / "cohort_size.json")
        write_text(self.options.out / "cohort_size.md", text)
        return text


def settings_of(
    options: argparse.Namespace, size: int, synergy: float, workers: int
) -> tuple[Settings, dict[str, int]]:
    """Choose the parameters of one cohort, and say how many epochs each training takes."""
    steps = dict(zip(TRAININGS, options.steps, strict=True))
    epochs = {
        name: options.epochs or max(1, round(steps[name] * options.batch_size / (size * samples)))
        for name, samples in TRAININGS.items()
    }
    rates = dict(zip(TRAININGS, options.learning_rates, strict=True))
    return {
        "data.root": str(RAW),
        "synthetic.studies": {
            "train": size,
            "development": options.development,
            "test": options.test,
        },
        "synthetic.external": {"chexpert": 1, "nih": 1, "vindr": 1},
        "synthetic.synergy": float(synergy),
        "synthetic.label_leak": 0.0,
        **({"augmentation.flip_p": 0.0} if synergy else {}),  # mirrored, a shadow has no side
        "training.batch_size": options.batch_size,
        **{f"{name}.epochs": number for name, number in epochs.items()},
        **{f"{name}.learning_rate": rate for name, rate in rates.items()},
        "fusion.freeze_encoders": False,
        "fusion.cached_views": 0,  # maps are kept of frozen encoders alone
        "seeds": options.seeds,
        "runtime.workers": workers,
        "runtime.accelerator": "auto",
        "runtime.portable": False,
    }, epochs


@dataclass
class CohortRun:
    """One cohort: its folder, and its parts, one after the other."""

    runner: Runner
    folder: Path
    size: int
    synergy: float
    seconds: dict[str, float] = field(default_factory=dict)  # that each part took

    def run(self) -> None:
        """Make the cohort, train on it, and score after each seed."""
        options = self.runner.options
        total, cores = sum(options.sizes) * len(options.synergy), os.cpu_count() or 1
        workers = min(cores, math.ceil(2 * cores * self.size / total))
        settings, epochs = settings_of(options, self.size, self.synergy, workers)
        self.folder.mkdir(parents=True)
        (self.folder / "params.yaml").write_text(changed_parameters(settings))
        with self._part("data"):
            for stage, paths in DATA.items():
                self.runner.wait(self._stage(stage, **paths))
        shutil.rmtree(self.folder / RAW)
        ceiling = self.runner.start(self.folder, GAIN, "write_ceiling")
        with self._part("teacher"):
            self.runner.wait(self._train("train_teacher", "teacher"))
        with self._part("views"):
            init = Path("models/teacher")
            self.runner.wait(
                *(self._train("finetune_view", view, view=view, init=init) for view in ENCODERS)
            )
        for number, seed in enumerate(options.seeds):
            with self._part(f"fusion, seed {seed}"):
                self._fusions(seed)
                self.runner.wait(ceiling)
            with self._part("scores"):
                self._score(options.seeds[: number + 1], epochs)

    def _fusions(self, seed: int) -> None:
        """Train the four models side by side, and predict as each is done."""
        encoders = {view: Path("models") / view for view in ENCODERS}
        names = {model: f"{model}/seed{seed}" for model in MODELS}
        trained = {
            model: self._train("train_fusion", name, seed=seed, settings=MODELS[model], **encoders)
            for model, name in names.items()
        }
        predicted = []
        for model, name in names.items():
            self.runner.wait(trained[model])
            out = Path(f"data/predictions/{name}.parquet")
            predicted.append(self._stage("predict", model=Path("models") / name, out=out, **READ))
        self.runner.wait(*predicted)

    def _score(self, seeds: list[int], epochs: Mapping[str, int]) -> None:
        out = self.folder / "gains.json"
        self.runner.wait(self.runner.start(self.folder, GAIN, "write_gains", seeds=seeds, out=out))
        made_with = self.folder / f"metrics/curves/images/seed{seeds[0]}/arithmetic.json"
        self.runner.keep(
            self.folder.name,
            {
                "studies": self.size,
                "synergy": self.synergy,
                "device": json.loads(made_with.read_text())["device"],
                "batch_size": self.runner.options.batch_size,
                "epochs": epochs,
                "seconds": dict(self.seconds),
                **json.loads(out.read_text()),
            },
        )

    def _stage(self, name: str, **words: object) -> ForkServerProcess:
        return self.runner.start(self.folder, f"stages.{name}", "main", **words)

    def _train(self, stage: str, name: str, **words: object) -> ForkServerProcess:
        made = {"out": Path("models") / name, "curves": Path("metrics/curves") / name}
        return self._stage(stage, **words, **made, **READ)

    @contextmanager
    def _part(self, label: str) -> Iterator[None]:
        name, started = self.folder.name, time.monotonic()
        self.runner.reached[name] = label
        yield
        self.seconds[label] = round(time.monotonic() - started, 1)
        print(f"{name}: {label}: {self.seconds[label]} s", file=sys.stderr, flush=True)  # noqa: T201


def main(words: list[str] | None = None) -> int:
    """Run all cohorts side by side; the status is 1 if one failed or was not finished in time."""
    options = _options(words)
    os.chdir(PROJECT)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it has started, too
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    FORKED.set_forkserver_preload([*(f"stages.{name}" for name in PRELOADED), GAIN])
    runner, failed = Runner(options), []
    deadline = time.monotonic() + 60 * options.minutes
    with TemporaryDirectory(prefix="cohort_size", ignore_cleanup_errors=True) as scratch:
        pairs = {
            f"{size}_synergy{synergy:g}": (size, synergy)
            for size, synergy in product(options.sizes, options.synergy)
        }
        runner.reached = dict.fromkeys(pairs, "not begun")
        with ThreadPoolExecutor(len(pairs)) as pool:
            try:
                waiting = {
                    name: pool.submit(CohortRun(runner, Path(scratch) / name, *pair).run)
                    for name, pair in pairs.items()
                }
                for name, one in waiting.items():
                    if not _finished(one, deadline - time.monotonic(), Path(scratch) / name):
                        failed.append(name)
            finally:
                runner.stop()
    print(runner.write())  # noqa: T201
    return int(bool(failed))


def _finished(one: Future[None], seconds: float, folder: Path) -> bool:
    """Whether a cohort's run ends well in some seconds; of one that failed, show its last words."""
    try:
        one.result(max(seconds, 0))
    except TimeoutError:
        return False
    except RuntimeError:
        print(f"{folder.name} failed:", *_tail(folder / "log"), sep="\n", file=sys.stderr)  # noqa: T201
        return False
    return True


def _tail(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-30:]


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[1300, 5200, 20800], help="training studies")
    add("--synergy", type=float, nargs="+", default=[0.0, 1.0], help="shares of shared shadows")
    add("--seeds", type=int, nargs="+", default=[0], help="seeds of the fusion")
    add("--test", type=int, default=1000, help="test studies")
    add("--development", type=int, default=300, help="development studies")
    add("--batch-size", type=int, default=128)
    each = ("TEACHER", "VIEW", "FUSION")
    add("--steps", type=int, nargs=3, metavar=each, default=[600, 200, 500])
    add("--learning-rates", type=float, nargs=3, metavar=each, default=[0.002, 0.0006, 0.0012])
    add("--epochs", type=int, help="epochs of every training, instead of --steps")
    add("--minutes", type=float, default=240, help="time after which what still runs is stopped")
    add("--out", type=Path, required=True, help="folder of cohort_size.json and cohort_size.md")
    options = parser.parse_args(words)
    options.out = options.out.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main())
