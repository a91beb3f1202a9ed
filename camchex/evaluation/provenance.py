"""What made a result: the versions of the packages, and a digest of the parameters."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version

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


def provenance(params: Mapping[str, object]) -> dict[str, str]:
    """Versions by package, and the digest of the parameters.

    Args:
        params: The whole of params.yaml, section by section.
    """
    packages = {name: version(name) for name in PACKAGES}
    return {"parameters": digest(params), "python": platform.python_version(), **packages}


def digest(params: Mapping[str, object]) -> str:
    """SHA-256 of the parameters, but for those that only say where it ran.

    ``runtime`` and ``data.root`` are left out: the same configuration has others elsewhere.
    """
    kept = {name: section for name, section in params.items() if name != "runtime"}
    data = kept.get("data")
    if isinstance(data, Mapping):
        kept["data"] = {name: value for name, value in data.items() if name != "root"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
