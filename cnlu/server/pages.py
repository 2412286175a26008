"""Pages for people: the playground and the API description; they load nothing from other servers."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnlu.server.responses import json_response

FOLDER = Path(__file__).with_name("playground")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def routes(description: dict[str, Any], language: str | None = None) -> list[Route]:
    """Pages and their files, read once; `language` is the playground's, None lets the browser choose."""
    return [
        _file("/", playground_page(language).encode(), "text/html"),
        _file("/playground/app.js", (FOLDER / "app.js").read_bytes(), "text/javascript"),
        _file("/playground/style.css", (FOLDER / "style.css").read_bytes(), "text/css"),
        _file("/playground/icon.svg", (FOLDER / "icon.svg").read_bytes(), "image/svg+xml"),
        _file("/docs", api_page(description).encode(), "text/html"),
        Route("/openapi.json", _json_handler(description), methods=["GET"]),
    ]


def playground_page(language: str | None) -> str:
    """The playground; app.js reads the language that the server was started with from the root element."""
    page = (FOLDER / "index.html").read_text("utf-8")
    return page.replace('<html lang="en">', f'<html lang="{language}" data-lang="{language}">') if language else page


def api_page(description: dict[str, Any]) -> str:
    """The API description as one plain page without scripts."""
    operations = "".join(
        _operation(path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(
        f'<h3 id="{escape(name)}">{escape(name)}</h3>{_pre(schema)}'
        for name, schema in description["components"]["schemas"].items()
    )
    info = description["info"]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>cnlu API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/playground/icon.svg"><link rel="stylesheet" href="/playground/style.css"></head>'
        f'<body><main class="api"><h1>cnlu API <small>{escape(info["version"])}</small></h1>'
        f"<p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>. To try sentences: <a href="/">playground</a>.</p>'
        f"{operations}<h2>Schemas</h2>{schemas}</main></body></html>\n"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}.</p>"]
    if "description" in operation:
        parts.append(f"<p>{escape(operation['description'])}</p>")
    for _, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: {_named(content['schema'])}, for example</p>{_pre(content['example'])}")
    rows = "".join(
        f"<tr><td>{status}</td><td>{escape(response['description'])}</td><td>{_first_schema(response)}</td></tr>"
        for status, response in operation["responses"].items()
    )
    parts.append(
        f"<table><thead><tr><th>Status</th><th>When</th><th>Body</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    return "".join(parts)


def _first_schema(response: dict[str, Any]) -> str:
    return next((_named(content["schema"]) for content in response.get("content", {}).values()), "")


def _named(schema: dict[str, Any]) -> str:
    if "oneOf" in schema:
        return " or ".join(map(_named, schema["oneOf"]))
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    return f"<code>{escape(json.dumps(schema.get('type', schema)))}</code>"


def _pre(content: Any) -> str:
    return f"<pre>{escape(json.dumps(content, ensure_ascii=False, indent=1))}</pre>"


def _file(path: str, content: bytes, kind: str) -> Route:
    async def serve(request: Request) -> Response:
        return Response(content, media_type=kind, headers=_HEADERS)

    return Route(path, serve, methods=["GET"])


def _json_handler(content: Any) -> Any:
    async def serve(request: Request) -> Response:
        return json_response(content)

    return serve
