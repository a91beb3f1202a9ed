"""What made a result: code, data, parameters, and the versions of the packages."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from camchex.comparisons.parameters import Difference, nearest_profile
from camchex.contract import params
from camchex.report.recorded import code_of_stage, digest_of_lock, last_commit, locked

CODE_COMMIT = "commit that last changed the report's code"
LOCK_DIGEST = "dvc.lock, entries of its data"
UNKNOWN = "not known here"
MODELS = "models/fusion/seed"
PACKAGES = (
    "camchex",
    "dvc",
    "torch",
    "lightning",
    "timm",
    "transformers",
    "kornia",
    "numpy",
    "pyarrow",
    "duckdb",
    "scikit-learn",
)


@dataclass(frozen=True)
class Provenance:
    """Of one report.

    Attributes:
        facts: Commit of the code, digests of data and parameters, versions, by name.
        profile: The one that the parameters are nearest to.
        differs: Keys on which they differ from it (``left``: the profile).
        weights: Hash in dvc.lock of each seed's trained model; of those that are there.
    """

    facts: Mapping[str, str]
    profile: str
    differs: Sequence[Difference]
    weights: Mapping[int, str]


def provenance(
    stage: str, inputs: Sequence[Path], seeds: Sequence[int], profiles: Path
) -> Provenance:
    """Gather what made the result of a stage; parameters are those of params.yaml.

    Args:
        stage: Its name in dvc.yaml.
        inputs: The data that it reads.
        seeds: The declared seeds.
        profiles: Folder of the profiles.

    Raises:
        ParamsError: If parameters or profiles cannot be read.
    """
    name, differs = nearest_profile(profiles)
    models = {seed: Path(f"{MODELS}{seed}") for seed in seeds}
    weights = locked(models.values())
    facts = {
        CODE_COMMIT: last_commit(code_of_stage(stage)) or UNKNOWN,
        LOCK_DIGEST: digest_of_lock(locked(inputs)) or UNKNOWN,
        "parameters": digest(params.read_file()),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
    return Provenance(
        facts=facts,
        profile=name,
        differs=differs,
        weights={s: weights[str(m)] for s, m in models.items() if str(m) in weights},
    )


def digest(values: Mapping[str, object]) -> str:
    """SHA-256 of the parameters, but for those that only say where it ran.

    ``runtime`` and ``data.root`` are left out: the same configuration has others elsewhere.
    """
    kept = {name: section for name, section in values.items() if name != "runtime"}
    data = kept.get("data")
    if isinstance(data, Mapping):
        kept["data"] = {name: value for name, value in data.items() if name != "root"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
