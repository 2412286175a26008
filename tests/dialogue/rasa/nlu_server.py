"""A server of Rasa's NLU protocol around `cnlu.load`, as small as it can be: `nlu_server.py MODEL --port N`."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import cnlu

MODEL = cnlu.load(sys.argv[1])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"status": "ok"})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(MODEL.parse(request["text"]) if self.path == "/model/parse" else {})

    def _answer(self, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing: the tests read no log of it."""


HTTPServer(("127.0.0.1", int(sys.argv[3])), Handler).serve_forever()
