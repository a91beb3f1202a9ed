"""A DICOM archive over HTTP: QIDO-RS, WADO-RS and STOW-RS (PS3.18), by dicomweb-client.

What is asked of an archive and what it answers may name a patient. So an error holds the address of
the archive and nothing of what was asked or answered, and the libraries below log nothing.
"""

import logging
import os
import re
import ssl
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from dicomweb_client import DICOMwebClient
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from camchex.errors import DataError
from camchex.images.attributes import several, text
from camchex.images.limits import MOST_BYTES
from camchex.images.unreadable import DECODER_ERRORS
from camchex.many_studies.dicom_header import WANTED

HEADER = "CAMCHEX_DICOMWEB_HEADER"
HEADER_FORM = re.compile(r"([A-Za-z0-9-]+): *([\x21-\x7e][\x20-\x7e]*)")  # RFC 9110 5.1, 5.5
CERTIFICATES = "REQUESTS_CA_BUNDLE"  # of requests: authorities whose certificates are trusted
EXAMPLE = "https://pacs.example/dicom-web"
PATIENCE = (10.0, 120.0)  # seconds: to connect, and between two bytes of an answer
AWAY = (429, 502, 503, 504)  # statuses of an archive that is busy or not there
MULTIPLE_CHOICES, BAD_REQUEST, NOT_FOUND = 300, 400, 404
STOPS = {
    401: f"no login, or a wrong one. Set {HEADER} to a header such as 'Authorization: Bearer ...', "
    "or put the login for {host} into ~/.netrc",
    403: "this login may not do that",
    407: "the proxy wants a login",
}
"""Statuses that will be the same for whatever is asked."""
RETRIES = Retry(
    3,
    backoff_factor=0.5,  # waits 0, 1 and 2 s
    status_forcelist=AWAY,
    allowed_methods=("GET",),
    raise_on_status=False,
    respect_retry_after_header=False,  # may ask for hours
)
PART = 1 << 20  # bytes of an answer that are read at once
MOST_FOUND = 10_000  # studies of one search
UID_FORM = re.compile(r"\d+(\.\d+)*")  # PS3.5 9.1, except that zeros lead where devices write them
UID_LENGTH = 64
LOGGERS = ("dicomweb_client", "dicomweb_client.web", "pydicom", "retrying", "urllib3")
EVIDENCE = (
    "CurrentRequestedProcedureEvidenceSequence",
    "ReferencedSeriesSequence",
    "ReferencedSOPSequence",
)
STUDY = ("StudyDate", "StudyTime", "ModalitiesInStudy")
SERIES = ("SeriesInstanceUID", "NumberOfSeriesRelatedInstances")
TAGS = {f"{tag_for_keyword(name):08X}" for name in (*WANTED, *STUDY, *SERIES, EVIDENCE[0])}
"""What is taken from answers; none of it names a patient."""
Search = Callable[..., Sequence[Mapping[str, Any]]]


class NotServedError(DataError):
    """An archive does not hand over, or take, one thing, but may do so with another.

    Args:
        message: What it did instead.
        status: Status of HTTP, where that is the reason.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Archive:
    """An archive. Every method raises a DataError if it cannot be reached or refuses this user.

    Every method raises a NotServedError if the archive does not hand over, or take, the one thing.

    Attributes:
        address: Its root, such as ``EXAMPLE``.
        client: What speaks to it.
    """

    address: str
    client: DICOMwebClient

    def studies(self, search: Mapping[str, str]) -> list[Dataset]:
        """Find the studies that have all of some attributes, by keyword; headers of studies."""

        def page(offset: int) -> Sequence[Mapping[str, Any]]:
            return self.client.search_for_studies(search_filters=dict(search), offset=offset)

        return self._all(page, "StudyInstanceUID")

    def series(self, study: str) -> list[Dataset]:
        """List the series of a study; headers of series."""

        def page(offset: int) -> Sequence[Mapping[str, Any]]:
            return self.client.search_for_series(study, offset=offset)

        return self._all(page, "SeriesInstanceUID")

    def instances(self, study: str, series: str) -> list[Dataset]:
        """Read the headers of the instances of a series; none where there is no such series."""
        try:
            with self._as_errors():
                answer = self.client.retrieve_series_metadata(study, series)
                found = {text(one, "SOPInstanceUID"): one for one in map(_header, answer)}
        except NotServedError as error:
            if error.status == NOT_FOUND:
                return []
            raise
        return [found[uid] for uid in sorted(found) if is_uid(uid)]

    def retrieve(self, study: str, series: str, instance: str) -> bytes:
        """Fetch the file of one instance, in the transfer syntax in which it is stored."""
        with self._as_errors():
            file = BytesIO()
            self.client.retrieve_instance(study, series, instance).save_as(file)
            return file.getvalue()

    def store(self, report: Dataset) -> bool:
        """Store a report with its study, unless its series has one of the same images.

        Returns:
            Whether it was stored; false: such a report is there already.
        """
        study, series = str(report.StudyInstanceUID), str(report.SeriesInstanceUID)
        images = evidence(report)
        if any(evidence(header) == images for header in self.instances(study, series)):
            return False
        with self._as_errors():
            answer = self.client.store_instances([report], study)
        if several(answer, "FailedSOPSequence"):  # there, but empty, of some archives
            raise NotServedError(f"{self.address}: does not store the report")
        return True

    def _all(self, search: Search, key: str) -> list[Dataset]:
        """Ask page by page, until one brings nothing new: an archive may ignore the offset.

        Returns:
            Headers in the order of their UIDs, since an archive has none.
        """
        found: dict[str, Dataset] = {}
        asked = 0
        while True:
            with self._as_errors():
                page = [*map(_header, search(offset=asked))]
            asked += len(page)
            uids = {text(header, key): header for header in page}
            new = {uid: header for uid, header in uids.items() if is_uid(uid) and uid not in found}
            if not new:
                return [found[uid] for uid in sorted(found)]
            found |= new
            if len(found) > MOST_FOUND:
                raise DataError(f"{self.address}: finds more than {MOST_FOUND:,}. Search for less.")

    @contextmanager
    def _as_errors(self) -> Iterator[None]:
        """Turn what the libraries raise on an answer into an error that quotes nothing."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote values of headers
                yield
        except DECODER_ERRORS as error:
            raise NotServedError(
                f"{self.address}: answers what is not DICOMweb ({type(error).__name__}). Expected "
                f"is the root of its DICOMweb, such as {EXAMPLE}"
            ) from error


class _Session(requests.Session):
    """Requests to one archive: retried, of bounded size, never redirected, and logged nowhere."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.auth = _login()  # None: requests looks into ~/.netrc
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=RETRIES))

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - those of requests
        """Send a request, and read the whole answer."""
        request.headers.pop("Host", None)  # of dicomweb-client, without the port
        options |= {"allow_redirects": False, "stream": True}
        try:
            with super().send(request, **options) as response:
                content = bytearray()
                for part in response.iter_content(PART):
                    content += part
                    if len(content) > MOST_BYTES:
                        raise NotServedError(
                            f"{self.address}: an answer above {MOST_BYTES:,} bytes"
                        )
                response._content = bytes(content)
        except requests.RequestException as error:
            raise DataError(f"{self.address}: {_trouble(error)}") from error
        self._require_success(response)
        return response

    def _require_success(self, response: requests.Response) -> None:
        status = response.status_code
        if response.ok and status < MULTIPLE_CHOICES:
            return
        said = f"{self.address}: status {status}{_phrase(status)}"
        if status in STOPS:
            raise DataError(f"{said}: {STOPS[status].format(host=urlsplit(self.address).hostname)}")
        if status in AWAY:
            raise DataError(f"{said}: the archive is busy or away. Run the same command later")
        if status < BAD_REQUEST:
            raise DataError(f"{said}: it leads to another address. Name that one")
        raise NotServedError(said, status)


def connect(address: str) -> Archive:
    """Speak to an archive, once something is asked of it.

    A login is a header in the environment variable ``HEADER``, or that of ~/.netrc for the host.

    Raises:
        DataError: If the address is none of a DICOMweb root, or the header is none.
    """
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they quote addresses and headers
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # a port that is none
        known = False
    if not known:
        raise DataError(f"--dicomweb: not an address such as {EXAMPLE}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise DataError(
            f"--dicomweb: only the address of the archive, such as {EXAMPLE}. A login belongs into "
            f"the environment variable {HEADER} or into ~/.netrc, since command lines are seen"
        )
    address = address.rstrip("/")
    client = DICOMwebClient(
        address, session=_Session(address), timeout=PATIENCE, permissive_uid=True
    )
    client.set_http_retry_params(retry=False)  # RETRIES are enough
    return Archive(address, client)


def is_uid(value: str) -> bool:
    """Whether a text is a UID, so that it can be part of a path, too."""
    return len(value) <= UID_LENGTH and UID_FORM.fullmatch(value) is not None


def evidence(report: Dataset) -> set[str]:
    """SOPInstanceUIDs of the images that a structured report is made from, PS3.3 C.17.2.3."""
    items = [report]
    for keyword in EVIDENCE:
        below = [item for one in items for item in several(one, keyword)]
        items = [item for item in below if isinstance(item, Dataset)]
    return {text(item, "ReferencedSOPInstanceUID") for item in items}


def _header(item: Mapping[str, Any]) -> Dataset:
    """What is wanted of one answer, PS3.18 F.2."""
    return Dataset.from_json({tag: value for tag, value in item.items() if tag in TAGS})


def _login() -> Callable[[requests.PreparedRequest], requests.PreparedRequest] | None:
    given = os.environ.get(HEADER)
    if given is None:
        return None
    form = HEADER_FORM.fullmatch(given)
    if form is None:
        raise DataError(f"{HEADER}: not a header such as 'Authorization: Bearer ...'")
    name, value = form.groups()

    def add(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[name] = value
        return request

    return add


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _trouble(error: requests.RequestException) -> str:
    """Say why nothing was answered, without the address that was asked."""
    causes = [*_causes(error)]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted here ({cause.verify_message}). Set "
                f"{CERTIFICATES} to a file with the certificates of your hospital's authority"
            )
        if isinstance(cause, ssl.SSLError):
            return f"no encrypted connection ({cause.reason}). Is it http, not https?"
    if isinstance(error, requests.exceptions.ProxyError):
        return "cannot be reached through the proxy of HTTPS_PROXY or HTTP_PROXY. NO_PROXY omits it"
    if any(isinstance(cause, TimeoutError | requests.Timeout) for cause in causes):
        return f"no answer within {PATIENCE[1]:.0f} s ({PATIENCE[0]:.0f} s to connect)"
    said = next((one.strerror for one in causes if isinstance(one, OSError) and one.strerror), None)
    return f"cannot be reached ({said or type(error).__name__}). Check address, network and VPN"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it was raised for."""
    found: list[BaseException | None] = [error]
    for one in found:  # grows
        if one is not None:
            yield one
            more = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
            found += [
                other for other in more if isinstance(other, BaseException) and other not in found
            ]
