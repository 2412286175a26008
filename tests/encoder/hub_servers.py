"""Local servers that speak the protocols of the Hugging Face hub and of ModelScope, with one model each."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/tiny-bert"


@dataclass
class Hub:
    """What a server offers, and what it was asked."""

    files: dict[str, bytes]
    requests: list[str] = field(default_factory=list)
    """The files that were sent, and other paths."""
    ranges: list[str] = field(default_factory=list)
    """The Range headers of the requests."""
    broken: dict[str, int] = field(default_factory=dict)
    """File -> its number of bytes that arrive before the connection breaks; emptied by a test that repairs it."""
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        raise NotImplementedError

    def send_json(self, content: object, with_body: bool, status: int = 200, **headers: str) -> None:
        self.send(json.dumps(content).encode(), with_body, status, headers)

    def send_file(self, name: str, with_body: bool, headers: dict[str, str]) -> None:
        """Send a file, or the rest of it from the start of a Range header; or less than announced, if it is broken."""
        content = self.hub.files[name]
        if with_body:
            self.hub.requests.append(name)
        asked = re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("Range") or "")
        status, start = 200, 0
        if asked and with_body:
            self.hub.ranges.append(asked[0])
            start, total = int(asked[1]), len(content)
            headers = {**headers, "Content-Range": f"bytes {start}-{total - 1}/{total}"}
            content, status = content[start:], 206
        available = max(0, self.hub.broken[name] - start) if name in self.hub.broken else None
        self.send(content, with_body, status, {**headers, "Accept-Ranges": "bytes"}, available)

    def send(
        self, content: bytes, with_body: bool, status: int, headers: dict[str, str], length: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content[:length])
        if with_body and length is not None:
            self.close_connection = True


class _HuggingFaceHandler(_Handler):
    def answer(self, with_body: bool) -> None:
        path = urlsplit(self.path).path
        files = self.hub.files
        name = path.rpartition("/")[2]
        if path.startswith(f"/{NAME}/resolve/") and name in files:
            etag = f'"{hashlib.sha1(files[name]).hexdigest()}"'
            self.send_file(name, with_body, {"X-Repo-Commit": COMMIT, "ETag": etag})
            return
        self.hub.requests.append(path)
        if path.startswith(f"/api/models/{NAME}/tree/"):
            listing = [
                {"type": "file", "path": name, "size": len(text), "oid": hashlib.sha1(text).hexdigest()}
                for name, text in files.items()
            ]
            self.send_json(listing, with_body)
        elif path.startswith(f"/api/models/{NAME}"):
            siblings = [
                {
                    "rfilename": name,
                    "size": len(text),
                    "lfs": {"size": len(text), "sha256": hashlib.sha256(text).hexdigest(), "pointerSize": 130},
                }
                for name, text in files.items()
            ]
            self.send_json({"id": NAME, "sha": COMMIT, "siblings": siblings}, with_body)
        else:
            self.send_json({"error": "Repository not found"}, with_body, 404, **{"X-Error-Code": "RepoNotFound"})


class _ModelScopeHandler(_Handler):
    def answer(self, with_body: bool) -> None:
        url = urlsplit(self.path)
        files = self.hub.files
        name = parse_qs(url.query).get("FilePath", [""])[0]
        if url.path == f"/api/v1/models/{NAME}/repo" and name in files:
            self.send_file(name, with_body, {})
            return
        self.hub.requests.append(url.path)
        if url.path == f"/api/v1/models/{NAME}/repo/files":
            listing = [
                {"Path": name, "Type": "blob", "Size": len(text), "Sha256": hashlib.sha256(text).hexdigest()}
                for name, text in files.items()
            ]
            self.send_json({"Code": 200, "Success": True, "Data": {"Files": listing}}, with_body)
        else:
            self.send_json({"Code": 10010205001, "Success": False, "Message": "not found"}, with_body, 404)


def hugging_face(files: dict[str, bytes]) -> AbstractContextManager[Hub]:
    """A local Hugging Face hub."""
    return _serve(_HuggingFaceHandler, Hub(files))


def modelscope(files: dict[str, bytes]) -> AbstractContextManager[Hub]:
    """A local ModelScope."""
    return _serve(_ModelScopeHandler, Hub(files))


@contextmanager
def _serve(handler: type[_Handler], hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of an encoder, and some that nobody should fetch with it."""
    unneeded = {"flax_model.msgpack": b"flax", "pytorch_model.bin": b"pickle", "mine.py": b"code", "onnx/m.onnx": b"x"}
    card = {"README.md": b"---\nlicense: mit\n---\n# Tiny\n"}
    return {path.name: path.read_bytes() for path in folder.iterdir()} | unneeded | card
