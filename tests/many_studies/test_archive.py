"""An archive that fails, refuses, lies or is no archive: one clear error, and nothing quoted."""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydicom import Dataset

from camchex.errors import DataError
from camchex.many_studies import archive as module
from camchex.many_studies.archive import HEADER, NotServedError, connect, is_uid
from camchex.many_studies.archive_studies import parse_searches, studies_of

PATIENT = "MRN-4711"
FIND = [{"PatientID": PATIENT}]
JSON = "application/dicom+json"
pytestmark = pytest.mark.enable_socket


class Answers(BaseHTTPRequestHandler):
    """Answers of one server, by the end of the path: status, type, content, further headers."""

    by_path: dict[str, tuple[int, str, bytes, dict[str, str]]]
    asked: list[str]
    logins: list[str | None]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(self.path)
        self.logins.append(self.headers["Authorization"])
        status, kind, content, more = next(
            (found for end, found in self.by_path.items() if path.endswith(end)),
            (404, "text/plain", b"", {}),
        )
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            **more,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server:
    """A server, and what it was asked."""

    def __init__(self) -> None:
        self.handler = type("Handler", (Answers,), {"by_path": {}, "asked": [], "logins": []})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)

    def says(
        self, path: str, status: int, content: object = b"", kind: str = JSON, **more: str
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.handler.by_path[path] = (status, kind, body, more)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/dicom-web"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "RETRIES", module.RETRIES.new(backoff_factor=0))
    found = Server()
    thread = threading.Thread(target=found.server.serve_forever, args=[0.01])
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def error_of(ask: Callable[[], object]) -> str:
    with pytest.raises(DataError) as found:
        ask()
    said = str(found.value)
    assert PATIENT not in said
    assert "\n" not in said
    return said


def search(address: str) -> str:
    return error_of(lambda: studies_of(connect(address), FIND))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "status 401 Unauthorized: no login, or a wrong one. Set CAMCHEX_DICOMWEB_HEADER"),
        (403, "status 403 Forbidden: this login may not do that"),
        (302, "status 302 Found: it leads to another address. Name that one"),
        (404, "status 404 Not Found. Expected is the root of the archive's DICOMweb"),
        (500, "status 500 Internal Server Error"),
        (503, "status 503 Service Unavailable: the archive is busy or away"),
    ],
)
def test_a_status_is_said_with_what_to_do(server: Server, status: int, said: str) -> None:
    server.says("/studies", status, b"patient MRN-4711", "text/html", Location="http://elsewhere/")
    assert f"{server.address}: {said}" in search(server.address)
    assert len(server.handler.asked) == (4 if status == 503 else 1)


@pytest.mark.parametrize("content", [b"<html>hello", b'["MRN-4711"]', b'[{"0020000D": 7}]', b"7"])
def test_an_address_that_is_no_archive_is_named(server: Server, content: bytes) -> None:
    server.says("/studies", 200, content)
    assert "answers what is not DICOMweb" in search(server.address)


def test_an_archive_that_cannot_be_reached_is_named(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    address = server.address.replace("127.0.0.1", "127.0.0.2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        assert f"{address}: cannot be reached (Connection refused)" in search(address)
    assert caplog.text == ""


def test_an_archive_that_does_not_answer_is_named(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", (1.0, 0.05))
    slow = threading.Event()
    monkeypatch.setattr(server.handler, "do_GET", lambda _: slow.wait(5))
    said = search(server.address)
    slow.set()
    assert "no answer within" in said


def test_an_answer_that_is_cut_short_or_too_large_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says("/studies", 200, b"[]", **{"Content-Length": "100"})
    assert "cannot be reached" in search(server.address)
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    server.says("/studies", 200, b" " * 1000)
    assert "an answer above 100 bytes" in search(server.address)


def test_a_certificate_that_is_not_trusted_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.says("/studies", 200, [])
    address = server.address.replace("http", "https")
    assert "its certificate is not trusted here (self-signed certificate)" in search(address)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert "no study has what --find names (PatientID)" in search(address)


def test_http_where_https_is_asked_for_is_named(server: Server) -> None:
    assert "Is it http, not https?" in search(server.address.replace("http", "https"))


def write_certificate(folder: Path) -> Path:
    """A certificate of this machine, signed by nobody else, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2120))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize(
    "address",
    ["pacs.example", "ftp://pacs.example", "http://", "https://pacs.example:x/", "http://[1/"],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    assert "not an address such as https://" in error_of(lambda: connect(address))


def test_a_login_on_the_command_line_is_refused() -> None:
    said = error_of(lambda: connect("https://jane:hidden@pacs.example/dicom-web"))
    assert HEADER in said
    assert "hidden" not in said


def test_a_login_of_the_environment_is_sent_and_never_said(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HEADER, "Authorization: Bearer hidden")
    server.says("/studies", 500)
    assert "hidden" not in search(server.address)
    assert server.handler.logins == ["Bearer hidden"]
    for wrong in ("hidden", "Authorization: ", "A: b\nC: hidden", "A: hidden\r\n"):
        monkeypatch.setenv(HEADER, wrong)
        assert "hidden" not in error_of(lambda: connect(server.address))


def tagged(**values: object) -> dict[str, object]:
    """Attributes as an archive answers them."""
    found = Dataset()
    for name, value in values.items():
        setattr(found, name, value)
    return found.to_json_dict()


def test_an_archive_that_ignores_the_offset_is_asked_once_more_and_no_longer(
    server: Server,
) -> None:
    path = {"0020000D": {"vr": "UI", "Value": ["../x"]}}
    server.says("/studies", 200, [tagged(StudyInstanceUID="1.2"), path])
    server.says("/1.2/series", 200, [tagged(SeriesInstanceUID="1.3", Modality="SR")])
    (study,) = studies_of(connect(server.address), FIND).studies
    assert (study.study_id, study.images, study.notes) == ("1.2", (), ())
    assert len(server.handler.asked) == 4


def test_a_study_whose_series_are_not_served_is_set_aside(server: Server) -> None:
    server.says("/studies", 200, [tagged(StudyInstanceUID=f"1.{n}") for n in (2, 3)])
    server.says("/1.3/series", 200, [])
    first, second = studies_of(connect(server.address), FIND).studies
    assert first.problem == f"{server.address}: status 404 Not Found"
    assert (second.study_id, second.problem, second.images) == ("1.3", None, ())


def test_a_series_of_many_images_is_not_asked_for_its_headers(server: Server) -> None:
    server.says("/studies", 200, [tagged(StudyInstanceUID="1.2")])
    many = tagged(SeriesInstanceUID="1.3", Modality="DX", NumberOfSeriesRelatedInstances=500)
    server.says("/1.2/series", 200, [many])
    (study,) = studies_of(connect(server.address), FIND).studies
    assert study.notes == ("1.2/1.3: set aside: 500 images, more than 20",)


def test_what_an_archive_does_not_hand_over_is_told_from_what_it_refuses(server: Server) -> None:
    found = connect(server.address)
    server.says("/1.4", 406)
    with pytest.raises(NotServedError, match="status 406 Not Acceptable"):
        found.retrieve("1.2", "1.3", "1.4")
    server.says("/1.4", 200, b"MRN-4711", "application/dicom")
    with pytest.raises(NotServedError, match="what is not DICOMweb"):
        found.retrieve("1.2", "1.3", "1.4")


def test_studies_are_searched_for_by_every_combination() -> None:
    words = ["StudyDate=20260101-20260131", "PatientID=a", "PatientID=b=c"]
    assert parse_searches(words) == [
        {"StudyDate": "20260101-20260131", "PatientID": "a"},
        {"StudyDate": "20260101-20260131", "PatientID": "b=c"},
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--find KEY=VALUE is missing"),
        (["PatientName=MRN-4711"], "with one of StudyInstanceUID, AccessionNumber, PatientID"),
        (["MRN-4711"], "expected KEY=VALUE"),
        (["PatientID=MRN-4711*"], r"--find PatientID: expected one whole value"),
        (["PatientID="], "expected one whole value"),
        (["StudyDate=yesterday"], "expected YYYYMMDD or YYYYMMDD-YYYYMMDD"),
        (["StudyInstanceUID=../1"], "expected one whole value"),
    ],
)
def test_a_search_that_would_find_others_is_refused(words: list[str], said: str) -> None:
    assert said in error_of(lambda: parse_searches(words))


def test_a_uid_is_never_a_path() -> None:
    assert is_uid("1.2.840.10008")
    assert not any(map(is_uid, ("", "..", ".", "1..2", "1.2/3", "1.", "9" * 65)))
