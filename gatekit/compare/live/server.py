"""The server of the local page; it answers only this machine, and changes nothing.

It serves the overview, the report of each study, a script and style that show runs in progress, and
two kinds of answers in JSON. A name in a URL is looked up among the existing studies; it never
becomes a path.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, RunError
from gatekit.compare import report
from gatekit.compare.report.page import policy

from .reports import LiveReport
from .watching import LiveStudies

HOST = "127.0.0.1"

PORT = 8850
"""The default port."""

NAMES = ("127.0.0.1", "localhost")
"""Host names that a browser on this machine uses; an attacker may control any other name."""

AT_ONCE = 32
"""The most requests that are answered at the same time."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

RECEIVE, ANSWER = 5.0, 60.0
"""Seconds within which a request must have arrived, and its answer must have been sent."""

_HTML, _JSON, _TEXT = "text/html", "application/json", "text/plain"


class Server(ThreadingHTTPServer):
    """A server of all studies of a folder.

    Args:
        root: the folder that contains the studies.
        port: the port; 0 takes any free one.

    Raises:
        ConfigError: the port cannot be used.
        RunError: there is no such folder.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, root: Path, port: int = PORT) -> None:
        if not root.is_dir():
            raise RunError(
                f"there is no folder {root.absolute()}; cd to the folder of your project, or type "
                "gatekit serve --root FOLDER"
            )
        if not 0 <= port <= 65535:
            raise ConfigError(f"--port {port}: a port is a number from 0 (any free one) to 65535.")
        self.watching = LiveStudies(root)
        self.files = {
            "/live.js": ("text/javascript", _file("live.js")),
            "/live.css": ("text/css", _file("live.css")),
            "/report.css": ("text/css", _file("report.css", report.__name__)),
        }
        self.page = _file("live.html")
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._deadlines: dict[Any, float] = {}
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise ConfigError(
                f"port {port} cannot be used ({error.strerror}); type --port 0 for a free one, "
                "or another number from 1024 to 65535."
            ) from None

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a request in a thread; beyond `AT_ONCE`, close the connection."""
        if self._places.acquire(blocking=False):
            self.allow(request, RECEIVE)
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a request, then release its slot."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._deadlines.pop(request, None)
            self._places.release()

    def allow(self, request: Any, seconds: float) -> None:
        """Give a connection this much time from now on."""
        self._deadlines[request] = time.monotonic() + seconds

    def service_actions(self) -> None:
        """End the connections whose time is over, such as those that send a byte a second."""
        now = time.monotonic()
        for request, end in list(self._deadlines.items()):
            if now > end:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Report an error in one line; ignore a browser that closes its connection."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            sys.stderr.write(f"gatekit serve: {type(error).__name__}: {error}\n")


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = f"gatekit/{__version__}"
    sys_version = ""
    timeout = 10

    def parse_request(self) -> bool:
        """Read the request; there is more time for the answer than for the request."""
        whole = super().parse_request()
        self.server.allow(self.connection, ANSWER)
        return whole

    def do_GET(self) -> None:  # the name that http.server calls
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._refuse_method
        raise AttributeError(name)

    def _refuse_method(self) -> None:
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"only GET and HEAD\n", Allow="GET, HEAD")

    def _answer(self) -> None:
        if not _is_here(self.headers.get_all("Host") or []):
            words = b"gatekit serve answers 127.0.0.1 and localhost only\n"
            self._send(HTTPStatus.FORBIDDEN, _TEXT, words)
            return
        try:
            path = urlsplit(self.path).path
        except ValueError:
            self._send(HTTPStatus.BAD_REQUEST, _TEXT, b"not a request of this page\n")
            return
        watching = self.server.watching
        answer: object = None
        if path in self.server.files:
            self._send(HTTPStatus.OK, *self.server.files[path])
            return
        if path == "/api/studies":
            answer = watching.overview()
        elif path.startswith("/api/study/"):
            answer = watching.study(unquote(path.removeprefix("/api/study/")))
        elif path == "/":
            self._send(HTTPStatus.OK, _HTML, self.server.page)
            return
        elif (name := _named(path)) and (found := watching.report(name)) is not None:
            self._send_report(found)
            return
        if answer is None:
            self._send(HTTPStatus.NOT_FOUND, _TEXT, b"there is no such page or study\n")
            return
        data = json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()
        self._send(HTTPStatus.OK, _JSON, data)

    def _send_report(self, report: LiveReport) -> None:
        """Send the report of a study, or a page that waits for it."""
        if not report.version:
            self._send(HTTPStatus.OK, _HTML, self.server.page)
            return
        tag = f'"{report.version}"'
        if self.headers.get("If-None-Match") == tag:
            self._send(HTTPStatus.NOT_MODIFIED, _HTML, b"", ETag=tag)
            return
        allowed = f"{policy(served=True)}; frame-ancestors 'none'"
        self._send(HTTPStatus.OK, _HTML, report.html, allowed, ETag=tag, Cache_Control="no-cache")

    def _send(
        self, status: HTTPStatus, kind: str, data: bytes, allowed: str = POLICY, **headers: str
    ) -> None:
        headers = {"Cache_Control": "no-store", **headers}
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", allowed)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log of requests."""


def _is_here(hosts: list[str]) -> bool:
    """Return whether a request addresses this machine by one of its local names.

    A request with any other name may come from a page elsewhere whose name was made to resolve to
    this machine. The port may differ, for example in an SSH tunnel.
    """
    if len(hosts) != 1:
        return False
    name, _, port = hosts[0].partition(":")
    return name.lower() in NAMES and (not port or port.isdecimal())


def _named(path: str) -> str | None:
    return unquote(path.removeprefix("/study/")) if path.startswith("/study/") else None


def _file(name: str, package: str = __package__) -> bytes:
    return (resources.files(package) / name).read_bytes()
