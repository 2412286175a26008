"""Which names the server answers to, and whose pages may send to it.

A web page may have its own name resolve to this machine or to one of its network (DNS rebinding). The browser then
takes the server for a part of that page's site, and lets the page send and read; all that gives it away is the `Host`
header. A page of another site may also send without reading, and its browser says so in `Origin`. A token protects from
both, since no page of another site knows it. So without a token, names and origins are checked.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from cnlu.server.responses import ApiError
from cnlu.server.settings import HOST_NAME, ServerSettings

_ALWAYS = frozenset(("/health",))
"""Tells nothing, and is asked by watchers under whatever address they have."""
_READS = frozenset(("GET", "HEAD"))
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/?#\s]+)(?::[0-9]*)?")
"""`uri-host [ ":" port ]` of RFC 9110, section 7.2, in lower case."""


class TrustedHostMiddleware:
    """Refuses with 421 what is asked under another name, or sent by a page of another site."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self._checks = settings.token is None or bool(settings.allowed_hosts)
        self._allowed = frozenset(name.lower().rstrip(".") for name in settings.allowed_hosts)
        self._own = self._allowed | {"localhost", settings.host.lower().rstrip(".")}
        self._on_network = settings.token is None and _on_network(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if self._checks and scope["type"] == "http" and scope["path"] not in _ALWAYS:
            refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await refusal.response()(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        hosts = _headers(scope, b"host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or not self._is_own(name):
            return _misdirected("This server does not answer to the name in the Host header", name)
        if scope["method"] in _READS:
            return None
        for origin in _headers(scope, b"origin"):
            place = _authority(origin)
            name = host_name(place)
            if place != hosts[0] and name not in self._allowed:
                return _misdirected("This was sent by a web page of another site", name)
        return None

    def _is_own(self, name: str) -> bool:
        if name in self._own:
            return True
        address = _address(name)
        if address is not None and address.is_loopback:
            return True
        # Bound to a network: no name of the public DNS is an address or without a dot, and services of docker compose
        # and Kubernetes are called so.
        return self._on_network and (address is not None or "." not in name)


def host_name(written: str) -> str | None:
    """The name or address of a `Host` header in lower case, without port and brackets; None for what is none."""
    found = _HOST.fullmatch(written)
    if found is None:
        return None
    name = found[1].strip("[]").rstrip(".")
    return name if HOST_NAME.fullmatch(name) or _address(name) is not None else None


def _headers(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for name, value in scope["headers"] if name == wanted]


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _on_network(host: str) -> bool:
    """Whether the server listens beyond this machine; a name given as --host is the one that clients use."""
    address = _address(host)
    return not host or (address is not None and not address.is_loopback)


def _misdirected(what: str, name: str | None) -> ApiError:
    """421 of RFC 9110, section 15.5.20."""
    shown = "NAME" if name is None else name
    return ApiError(
        421,
        "misdirected",
        f"{what}; if it should be answered, start the server with --allowed-host {shown}, or with a token.",
    )
