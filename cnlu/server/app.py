"""One worker's application: routes, what runs beside them, and how every failure looks from outside."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cnlu.server import json_api, pages, rasa_api
from cnlu.server.annotate import AnnotatedFile
from cnlu.server.batching import Batcher
from cnlu.server.corrections import Corrections
from cnlu.server.hosts import TrustedHostMiddleware
from cnlu.server.metrics import Metrics, MetricsMiddleware
from cnlu.server.models import Models
from cnlu.server.openapi import describe
from cnlu.server.responses import ApiError, answer, busy, error_body, internal
from cnlu.server.service import Service
from cnlu.server.settings import ServerSettings

_PARSING = frozenset(("/parse", "/model/parse"))

_log = logging.getLogger("cnlu.server")


def build_app(
    settings: ServerSettings, models: Models, metrics: Metrics, beat: Callable[[Batcher], Coroutine[Any, Any, None]]
) -> ASGIApp:
    """The application of one worker; `models` holds a loaded model, and `beat` runs as long as it serves."""
    batcher = Batcher(lambda: models.current.interpreter, settings, metrics.on_batch)
    saving = settings.annotate
    corrections = Corrections(AnnotatedFile(saving), settings.max_waiting) if saving else None
    service = Service(settings, models, batcher, metrics, corrections)
    routes = [*rasa_api.routes(service), *json_api.routes(service), *pages.routes(describe(settings))]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        beside = [asyncio.create_task(part) for part in (models.watch(), _follow_parent(), beat(batcher))]
        batcher.start()
        yield
        batcher.stop()
        for task in beside:
            task.cancel()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            ApiError: _refused,
            HTTPException: _no_route,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    guarded = TrustedHostMiddleware(LoadSheddingMiddleware(app, batcher), settings)
    return MetricsMiddleware(guarded, metrics, frozenset(route.path for route in routes))


class LoadSheddingMiddleware:
    """Refuses what the full queue would refuse anyway, before it costs anything: under overload that is most of it."""

    def __init__(self, app: ASGIApp, batcher: Batcher) -> None:
        self.app, self.batcher, self.refusal = app, batcher, busy().response()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.batcher.full and scope["type"] == "http" and scope["path"] in _PARSING and scope["method"] == "POST":
            await self.refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def _follow_parent() -> None:
    """A worker whose parent was killed stops too, or it would hold the port with nobody to stop it."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = {
        404: ("not_found", "There is nothing at this path; see /docs."),
        405: ("method_not_allowed", "This path does not take this method; see /docs."),
    }.get(error.status_code, ("refused", "The request was refused."))
    return answer(error_body(code, message), error.status_code, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _failed(request: Request, error: Exception) -> Response:
    # Without the error's own words, which may quote the user's text.
    lines = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s while answering %s:\n%s", type(error).__name__, request.url.path, lines)
    return internal().response()
