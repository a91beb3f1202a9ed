"""Published models by name, with a Hub that is invented here."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import LocalEntryNotFoundError

from camchex.errors import ModelError
from camchex.fusion.params import TINY
from camchex.networks import hub
from camchex.networks.hub import published_folder, require_published

KEY = "text.model"


def answer(monkeypatch: pytest.MonkeyPatch, *files: str) -> None:
    """Let the Hub have a model of some files."""
    siblings = [SimpleNamespace(rfilename=file) for file in files]
    found = SimpleNamespace(siblings=siblings, sha="abc")
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: found)


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Hub be out of reach."""

    def unreachable(*_: object, **__: object) -> NoReturn:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(HfApi, "model_info", unreachable)


def copy(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> list[dict[str, object]]:
    """Let the library make its local copy of a model in a folder, or have none."""
    asked: list[dict[str, object]] = []

    def snapshot(name: str, **options: object) -> str:
        asked.append({"name": name, **options})
        if folder is None:
            raise LocalEntryNotFoundError("no copy")
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    return asked


def test_a_folder_is_itself_and_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch)
    (tmp_path / "model.safetensors").touch()
    assert published_folder(str(tmp_path), KEY) == tmp_path
    require_published(str(tmp_path), KEY)


def test_a_folder_with_a_pickle_alone_says_how_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match=rf"pickle.*camchex convert-text {tmp_path}"):
        published_folder(str(tmp_path), KEY)


def test_a_model_of_the_hub_is_copied_at_the_revision_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "config.json", "model.safetensors", "pytorch_model.bin")
    asked = copy(monkeypatch, tmp_path)
    assert published_folder("owner/name", KEY) == tmp_path
    (one,) = asked
    assert (one["name"], one["revision"]) == ("owner/name", "abc")
    assert "*.safetensors" in one["allow_patterns"]  # type: ignore[operator]
    assert not any("bin" in pattern for pattern in one["allow_patterns"])  # type: ignore[attr-defined]


def test_a_model_of_the_hub_with_a_pickle_alone_says_how_to_convert_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(monkeypatch, "config.json", "pytorch_model.bin", "vocab.txt")
    asked = copy(monkeypatch, None)
    for look in (published_folder, require_published):
        with pytest.raises(ModelError, match=r"only a pickle.*hf download.*convert-text"):
            look("owner/name", KEY)
    assert not asked


def test_without_network_the_message_names_network_model_and_folder_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silence(monkeypatch)
    copy(monkeypatch, None)
    start = time.perf_counter()
    for look in (published_folder, require_published):
        with pytest.raises(ModelError, match=r"text\.model: owner/name.*network.*FOLDER"):
            look("owner/name", KEY)
    assert time.perf_counter() - start < 30  # not the minutes of all retries


def test_without_network_an_earlier_copy_will_do_if_it_has_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch)
    copy(monkeypatch, tmp_path)
    with pytest.raises(ModelError, match="out of reach"):
        published_folder("owner/name", KEY)
    (tmp_path / "model.safetensors").touch()
    assert published_folder("owner/name", KEY) == tmp_path


def test_what_is_neither_a_folder_nor_a_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        published_folder(str(tmp_path / "nowhere"), KEY)


def test_what_is_made_here_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    silence(monkeypatch)
    require_published(TINY, KEY)


def test_a_file_and_nothing_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    for name in ("", str(tmp_path / "model.safetensors")):
        for look in (published_folder, require_published):
            with pytest.raises(ModelError, match="not a folder"):
                look(name, KEY)
