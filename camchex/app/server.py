"""The server of the page: nothing that visitors send is kept, logged or written to a disk.

A study lives in one request. Its answer is a stream of JSON lines, each an object with one key:
``before`` (number of visitors before this one), ``step`` (what is computed now), ``numbers`` or
``reasons`` (a piece of the page), or ``error``.
"""

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from camchex.app.form import MOST_BYTES, MOST_FILES, MOST_LETTERS, Form, read_form
from camchex.app.line import BusyError, Line
from camchex.app.pages import front_page, static
from camchex.app.worker import Result, Worker, numbers, reasons
from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import CamchexError, DataError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - only where it is asked for
MOST_FIELDS = MOST_FILES + len(VITAL_SIGNS) + 8
HEADERS = {
    # Styles of single elements are the lengths of bars; scripts come from their one file.
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Of every answer: the browser loads nothing from elsewhere, and keeps nothing."""
OWN = (b"same-origin", b"none")
KILLED = (
    "An image kills the decoder: damaged or cut short. The model was loaded again; leave the image "
    "out."
)
GONE = "The model is being loaded again. Try again in a minute."
Lines = AsyncIterator[str]


class _InMemory(MultiPartParser):
    """The parser of forms, without its files on a disk."""

    spool_max_size = MOST_BYTES + 1


class _Headers:
    """Adds ``HEADERS`` to every answer, and refuses studies that other pages send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        origin = dict(scope["headers"]).get(b"sec-fetch-site", b"none")  # as every browser says it
        if scope["method"] == "POST" and origin not in OWN:
            refused = JSONResponse({"error": "Sent by another page."}, 403)
            await refused(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)


class Page:
    """The page of one model.

    Args:
        worker: The process that holds the model.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.line = Line()

    def app(self, host: str) -> Starlette:
        """The application, for a server that listens at ``host``."""
        routes = [
            Route("/", partial(self._sent, "text/html", partial(front_page, self.worker.about))),
            Route("/page.css", partial(self._sent, "text/css", self._style)),
            Route("/page.js", partial(self._sent, "text/javascript", partial(static, "page.js"))),
            Route("/examples/{study:int}/{image:int}", self._example),
            Route("/read", self._read, methods=["POST"], max_body_size=MOST_BYTES),
        ]
        # Else a page from elsewhere could reach this one by a name that leads here.
        hosts = ["*"] if host in EVERY_ADDRESS else [*LOOPBACK, "[::1]", host]
        trusted = Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
        return Starlette(routes=routes, middleware=[Middleware(_Headers), trusted])

    async def _sent(self, kind: str, content: Callable[[], str], _: Request) -> Response:
        return Response(content(), media_type=kind)

    def _style(self) -> str:
        return self.worker.about.style + static("page.css")

    async def _example(self, request: Request) -> Response:
        try:
            study = self.worker.about.examples[request.path_params["study"]]
            image = study.images[request.path_params["image"]]
        except IndexError:
            return Response(status_code=404)
        return Response(image.png, media_type="image/png")

    async def _read(self, request: Request) -> Response:
        parser = _InMemory(
            request.headers,
            request.stream(),
            max_files=MOST_FILES,
            max_fields=MOST_FIELDS,
            max_part_size=8 * MOST_LETTERS,
        )
        try:
            data = await parser.parse()
            try:
                form = await read_form(data)
            finally:
                await data.close()
        except (CamchexError, MultiPartException, KeyError) as error:
            said = error.message if isinstance(error, MultiPartException) else str(error)
            return JSONResponse({"error": said}, 400)
        return StreamingResponse(self._answer(form), media_type="application/x-ndjson")

    async def _answer(self, form: Form) -> Lines:
        running: list[Future[Any]] = []
        try:
            ticket = self.line.join()
        except BusyError as error:
            yield _line("error", str(error))
            return
        try:
            while before := self.line.before(ticket):
                yield _line("before", before)
                await self.line.moved()
            async for line in self._computed(form, running):
                yield line
        except CamchexError as error:
            yield _line("error", str(error))
        except BrokenProcessPool:
            yield _line("error", await self._start_again(running))
        finally:
            self._leave(ticket, running)

    async def _computed(self, form: Form, running: list[Future[Any]]) -> Lines:
        finding = form.finding
        if finding is None:
            yield _line("step", "reading the study")
            html, finding = await self._done(running, self.worker.submit(numbers, form))
            yield _line("numbers", html)
        yield _line("step", f"explaining {finding}")
        html = await self._done(running, self.worker.submit(reasons, form, finding))
        yield _line("reasons", html)

    async def _done(self, running: list[Future[Any]], future: Future[Result]) -> Result:
        running[:] = [future]
        return await asyncio.wrap_future(future)

    async def _start_again(self, running: list[Future[Any]]) -> str:
        await asyncio.to_thread(self.worker.start)
        return KILLED if running else GONE

    def _leave(self, ticket: object, running: list[Future[Any]]) -> None:
        """Make room for the next, once the model is free: a visitor may leave before that."""
        if not running or running[0].done():
            self.line.leave(ticket)
            return
        loop = asyncio.get_running_loop()
        running[0].add_done_callback(lambda _: loop.call_soon_threadsafe(self.line.leave, ticket))


def _line(key: str, value: object) -> str:
    return json.dumps({key: value}) + "\n"


class WithoutWhatWasAsked(logging.Filter):
    """Keeps of an unexpected error its kind and place: its message may quote a visitor."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record; it is always logged."""
        if record.exc_info and record.exc_info[1]:
            kind, error, _ = record.exc_info
            last = traceback.extract_tb(error.__traceback__)[-1]
            record.msg = f"{kind.__name__} in {last.filename}, line {last.lineno}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def listen(host: str, port: int) -> socket.socket:
    """Open the address; port 0 takes any that is free.

    Raises:
        DataError: If it cannot be opened.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise DataError(
            f"{host}, port {port}: {error.strerror}. Name another with --host or --port."
        ) from error


def serve(worker: Worker, host: str, listening: socket.socket) -> None:
    """Serve the page until it is stopped (Ctrl-C)."""
    logging.getLogger("uvicorn.error").addFilter(WithoutWhatWasAsked())
    config = uvicorn.Config(
        Page(worker).app(host),
        access_log=False,
        log_level="error",
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening])
