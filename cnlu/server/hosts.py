"""The host names that the server answers to, and the sites whose pages may send to it.

A web page can make its own name resolve to this machine or to one on its network (DNS rebinding). The browser then
treats the server as part of that page's site and lets the page send requests and read the responses; only the `Host`
header reveals it. A page of another site can also send requests without reading the responses; its browser then names
the site in `Origin`. A token protects against both, because no other site knows it. Without a token, the server checks
hosts and origins.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu.server.responses import ApiError
from cnlu.server.settings import HOST_NAME, ServerSettings

_UNCHECKED_PATHS = frozenset(("/health",))
"""Paths that are served under any host name: they reveal nothing, and monitors use any address."""
_SAFE_METHODS = frozenset(("GET", "HEAD"))
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/?#\s]+)(?::[0-9]*)?")
"""`uri-host [ ":" port ]` of RFC 9110, section 7.2, in lower case."""


class TrustedHostMiddleware:
    """Refuses with 421 requests under another host name, and requests from a page of another site."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self._checks = settings.token is None or bool(settings.allowed_hosts)
        self._allowed = frozenset(name.lower().rstrip(".") for name in settings.allowed_hosts)
        self._own_names = self._allowed | {"localhost", settings.host.lower().rstrip(".")}
        self._on_network = settings.token is None and _on_network(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None
        if self._checks and scope["type"] == "http" and scope["path"] not in _UNCHECKED_PATHS:
            refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await refusal.response()(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        hosts = _headers(scope, b"host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or not self._is_own(name):
            return _misdirected(_("This server does not answer to the name in the Host header"), name)
        if scope["method"] in _SAFE_METHODS:
            return None
        for origin in _headers(scope, b"origin"):
            authority = _authority(origin)
            name = host_name(authority)
            if authority != hosts[0] and name not in self._allowed:
                return _misdirected(_("This was sent by a web page of another site"), name)
        return None

    def _is_own(self, name: str) -> bool:
        if name in self._own_names:
            return True
        address = _address(name)
        if address is not None and address.is_loopback:
            return True
        # On a network, addresses and names without a dot are safe, because public DNS names are neither; services of
        # Docker Compose and Kubernetes have such names.
        return self._on_network and (address is not None or "." not in name)


def host_name(written: str) -> str | None:
    """The name or address in a `Host` header, which is in lower case, without port and brackets; None if invalid."""
    match = _HOST.fullmatch(written)
    if match is None:
        return None
    name = match[1].strip("[]").rstrip(".")
    return name if HOST_NAME.fullmatch(name) or _address(name) is not None else None


def _headers(scope: Scope, header: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for name, value in scope["headers"] if name == header]


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
    """Whether the server listens beyond this machine; a name given as --host is the name that clients use."""
    address = _address(host)
    return not host or (address is not None and not address.is_loopback)


def _misdirected(problem: str, name: str | None) -> ApiError:
    """421 of RFC 9110, section 15.5.20."""
    fix = _("to allow it, start the server with --allowed-host {name}, or with a token", name=name or "NAME")
    return ApiError(421, "misdirected", str(CnluError("", problem, fix)))
