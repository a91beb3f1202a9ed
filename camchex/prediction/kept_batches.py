"""Finished batches of a prediction, kept until all are done: an interrupted one goes on there."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file

from camchex.contract import arithmetic
from camchex.contract.files import whole_file
from camchex.errors import DataError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import StudySamples
from camchex.networks.batches import Rows
from camchex.networks.inference import Part
from camchex.networks.params import Precision
from camchex.networks.sampling import BatchRows
from camchex.runs.devices import device_of, first_device
from camchex.runs.parts import Part as PartOfWork
from camchex.runs.runtime import RuntimeParams
from camchex.runs.scratch import locked, locked_part, scratch_folder
from camchex.runs.training_run import Run, fingerprint

PLACES, VALUES = "places", "values"


@dataclass(frozen=True)
class KeptBatches:
    """Results of batches, a file each, named by first and last row; without a folder, none."""

    folder: Path | None

    def has(self, batch: BatchRows) -> bool:
        """Whether the result of a batch is there."""
        return self.folder is not None and self._path(self.folder, batch).exists()

    def read(self, batch: BatchRows) -> Part:
        """Read the result of a batch that is there.

        Raises:
            DataError: If the file is damaged.
        """
        assert self.folder is not None
        path = self._path(self.folder, batch)
        try:
            found = load_file(path)
            return found[PLACES], found[VALUES]
        except (OSError, SafetensorError, KeyError) as error:
            raise DataError(
                f"{path}: cannot be read: {error}. Delete it, and run this again"
            ) from (error)

    def write(self, batch: BatchRows, part: Part) -> None:
        """Keep the result of a batch."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self._path(self.folder, batch)) as file:
            save_file(dict(zip((PLACES, VALUES), part, strict=True)), file.name)

    @staticmethod
    def _path(folder: Path, batch: BatchRows) -> Path:
        return folder / f"{batch.rows[0]:08d}-{batch.rows[-1]:08d}.safetensors"


@contextmanager
def kept_for(
    out: Path | None, key: Callable[[], str], part: PartOfWork | None = None
) -> Iterator[KeptBatches]:
    """Keep batches while ``out`` is made; a second process that makes the same waits.

    Args:
        out: First output of the prediction; None: nothing is kept.
        key: Computes a digest of all that the prediction follows from.
        part: Which part of the batches is made, and kept; None: all that is lacking, and joined.
    """
    if out is None:
        yield KeptBatches(None)
        return
    kept = KeptBatches(scratch_folder(out, key()))
    assert kept.folder is not None
    if not first_device():  # only the first of several devices holds the lock
        yield kept
        return
    does = "predicts this"
    folder = kept.folder
    with locked_part(folder, part, does) if part else locked(folder, does):
        yield kept


def prediction_key(
    model: CaMChex,
    read: list[tuple[StudySamples, Rows]],
    runtime: RuntimeParams,
    precision: Precision | None = None,
) -> str:
    """Digest of all that a prediction follows from: code, network, studies and arithmetic.

    ``read`` holds what is predicted, and which studies these are; ``precision`` is that of the
    networks, None: single.
    """
    weights = {n: t.detach().cpu().contiguous().clone() for n, t in model.state_dict().items()}
    digest = hashlib.sha256(save(weights))
    digest.update(fingerprint(Run(Path(__file__), [], [model.config], [])).encode())
    digest.update(model.tokenizer.definition.encode())
    cpu = torch.backends.cpu.get_cpu_capability()
    parts: list[object] = [device_of(runtime).type, cpu, arithmetic.is_pinned(), precision]
    for samples, rows in read:
        parts += [samples.store.contents.own_sha256, samples.study_ids, rows.tolist()]
        parts += [[of.tolist() for of in samples.rows], [of.tolist() for of in samples.lateral]]
        parts += [samples.indications, samples.vitals]
    digest.update(json.dumps(parts).encode())
    return digest.hexdigest()
