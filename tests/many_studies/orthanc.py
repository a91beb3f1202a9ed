"""An archive to try: Orthanc with DICOMweb, at a free port, in a folder of its own."""

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

PLUGINS = [Path(f"/usr/{part}/orthanc/plugins/libOrthancDicomWeb.so") for part in ("share", "lib")]
LOGIN = "hospital:secret"
HEADER = f"Authorization: Basic {base64.b64encode(LOGIN.encode()).decode()}"
PATIENCE = 60  # seconds until it answers: other tests compute at the same time


def why_none() -> str | None:
    """Why Orthanc cannot be started here; None: it can."""
    if not shutil.which("Orthanc") or not any(path.exists() for path in PLUGINS):
        return "no Orthanc with DICOMweb: `apt-get install orthanc orthanc-dicomweb` brings it"
    return None


@dataclass
class Orthanc:
    """An archive that runs. Its own interface, beside DICOMweb, says what is in it."""

    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/dicom-web"

    def ask(self, path: str, content: bytes | None = None) -> object:
        name, _, value = HEADER.partition(": ")
        asked = requests.request(
            "POST" if content else "GET",
            f"http://127.0.0.1:{self.port}{path}",
            data=content,
            headers={name: value},
            timeout=PATIENCE,
        )
        asked.raise_for_status()
        return asked.json()

    def put(self, path: Path) -> None:
        """Store a file as it is."""
        self.ask("/instances", path.read_bytes())

    def reports(self) -> list[dict[str, str]]:
        """Tags of the structured reports that it holds."""
        query = {"Level": "Instance", "Query": {"Modality": "SR"}, "Expand": True}
        found = self.ask("/tools/find", json.dumps(query).encode())
        assert isinstance(found, list)
        return [one["MainDicomTags"] for one in found]

    def asked(self) -> str:
        """What was asked of it so far, as it logs it."""
        return self.log.read_text()


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """Run Orthanc until the end; ``folder`` is new."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": dict([LOGIN.split(":")]),
        "DicomServerEnabled": False,
        "Plugins": [str(path) for path in PLUGINS if path.exists()],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "SaveJobs": False,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    log = folder / "log"
    with (
        log.open("w") as said,
        subprocess.Popen(
            ["Orthanc", "--verbose", path], cwd=folder, stdout=said, stderr=said
        ) as process,
    ):
        try:
            found = Orthanc(port, log)
            _wait(found, process)
            yield found
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(archive: Orthanc, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            archive.ask("/dicom-web/studies")
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"Orthanc did not start: {archive.log.read_text()}")
