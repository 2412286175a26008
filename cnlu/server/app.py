"""One worker's application: routes, background tasks, and the response to every kind of failure."""

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

from cnlu.i18n import _
from cnlu.server import json_api, pages, rasa_api
from cnlu.server.annotate import AnnotatedFile
from cnlu.server.batching import Batcher
from cnlu.server.corrections import Corrections
from cnlu.server.hosts import TrustedHostMiddleware
from cnlu.server.metrics import Metrics, MetricsMiddleware
from cnlu.server.models import Models
from cnlu.server.openapi import describe
from cnlu.server.responses import ApiError, busy_error, error_body, internal_error, json_response
from cnlu.server.service import Service
from cnlu.server.settings import ServerSettings

_PARSING = frozenset(("/parse", "/model/parse"))

_log = logging.getLogger("cnlu.server")


def build_app(
    settings: ServerSettings,
    models: Models,
    metrics: Metrics,
    heartbeat: Callable[[Batcher], Coroutine[Any, Any, None]],
) -> ASGIApp:
    """The application of one worker; `models` holds a loaded model, and `heartbeat` runs while it serves."""
    batcher = Batcher(lambda: models.current.interpreter, settings, metrics.on_batch)
    path = settings.annotate
    corrections = Corrections(AnnotatedFile(path), settings.max_waiting) if path else None
    service = Service(settings=settings, models=models, batcher=batcher, metrics=metrics, corrections=corrections)
    routes = [
        *rasa_api.routes(service),
        *json_api.routes(service),
        *pages.routes(describe(settings), settings.language),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(task) for task in (models.watch(), _follow_parent(), heartbeat(batcher))]
        batcher.start()
        yield
        batcher.stop()
        for task in tasks:
            task.cancel()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            ApiError: _on_api_error,
            HTTPException: _on_http_exception,
            ClientDisconnect: _on_disconnect,
            Exception: _on_exception,
        },
    )
    app.router.redirect_slashes = False
    guarded = TrustedHostMiddleware(LoadSheddingMiddleware(app, batcher), settings)
    return MetricsMiddleware(guarded, metrics, frozenset(route.path for route in routes))


class LoadSheddingMiddleware:
    """Refuses requests while the queue is full before any work is done; under overload those are most requests."""

    def __init__(self, app: ASGIApp, batcher: Batcher) -> None:
        self.app, self.batcher, self.refusal = app, batcher, busy_error().response()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.batcher.full and scope["type"] == "http" and scope["path"] in _PARSING and scope["method"] == "POST":
            await self.refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def _follow_parent() -> None:
    """Stops the worker if its parent was killed; otherwise it would keep the port with no process to stop it."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = {
        404: ("not_found", _("There is nothing at this path; see /docs.")),
        405: ("method_not_allowed", _("This path does not take this method; see /docs.")),
    }.get(error.status_code, ("refused", _("The request was refused.")))
    return json_response(error_body(code, message), error.status_code, error.headers)


async def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the client is gone


async def _on_exception(request: Request, error: Exception) -> Response:
    # Without the error's message, which may quote the user's text.
    lines = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s while answering %s:\n%s", type(error).__name__, request.url.path, lines)
    return internal_error().response()
