"""The server's own JSON API: parsing, labels, saving corrections, health and metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnlu.errors import CnluError, DataError
from cnlu.i18n import _
from cnlu.server.annotate import AlreadyAnnotated, ConflictingAnnotation, DiskFull
from cnlu.server.auth import check_bearer
from cnlu.server.corrections import read_example
from cnlu.server.metrics import CONTENT_TYPE, exposition
from cnlu.server.request_limits import check_fields, check_text, read_object
from cnlu.server.responses import ApiError, json_response
from cnlu.server.service import Service

_log = logging.getLogger("cnlu.server")

Handler = Callable[[Service, Request], Awaitable[Response]]


def routes(service: Service) -> list[Route]:
    def route(path: str, handler: Handler, method: str, needs_token: bool = True) -> Route:
        async def handle(request: Request) -> Response:
            if needs_token:
                check_bearer(request, service.settings.token)
            return await handler(service, request)

        return Route(path, handle, methods=[method])

    return [
        route("/parse", _parse, "POST"),
        route("/labels", _labels, "GET"),
        route("/annotate", _annotate, "POST"),
        route("/health", _health, "GET", needs_token=False),
        route("/metrics", _metrics, "GET"),
    ]


async def _parse(service: Service, request: Request) -> Response:
    settings = service.settings
    content = await read_object(request, settings)
    check_fields(content, ("text", "texts"))
    if len(content) != 1:
        raise ApiError(422, "invalid", _('Give either "text", a string, or "texts", a list of strings.'))
    if "text" in content:
        return json_response((await service.parse([check_text(content["text"], settings)]))[0])
    texts = content["texts"]
    if not isinstance(texts, list):
        raise ApiError(422, "invalid", _('"texts" must be a list of strings.'))
    checked = [check_text(text, settings, f"texts[{number}]") for number, text in enumerate(texts)]
    return json_response({"results": await service.parse(checked)})


async def _labels(service: Service, request: Request) -> Response:
    model = service.models.current
    saving = service.settings.annotate is not None
    return json_response({"model": model.name, **model.interpreter.labels.to_dict(), "annotate": saving})


async def _annotate(service: Service, request: Request) -> Response:
    if service.corrections is None:
        raise ApiError(404, "not_found", _("This server does not save sentences; start it with --annotate."))
    # A page of another site cannot send this type without a CORS preflight, which this server does not answer.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "not_json", _("Send the sentence with Content-Type: application/json."))
    example = read_example(await read_object(request, service.settings), service.settings)
    try:
        await service.corrections.save(example)
    except AlreadyAnnotated:
        message = _("The file already has this sentence, annotated the same way.")
        return json_response({"saved": False, "message": message})
    except CnluError as error:
        raise _not_saved(error) from None
    service.metrics.saved.inc()
    return json_response({"saved": True, "message": _("Saved.")})


async def _health(service: Service, request: Request) -> Response:
    if service.batcher.busy_seconds > service.settings.parse_timeout / 2:
        message = _("This worker has been parsing the same texts for a long time; it will be replaced.")
        raise ApiError(503, "stuck", message, {"Retry-After": "1"})
    return json_response({"status": "ok"})


async def _metrics(service: Service, request: Request) -> Response:
    text = await asyncio.to_thread(exposition)
    if text is None:
        message = _("This server runs without metrics; its log says why.")
        raise ApiError(503, "no_figures", message, {"Retry-After": "60"})
    return Response(text, media_type=CONTENT_TYPE)


def _not_saved(error: CnluError) -> ApiError:
    if isinstance(error, ConflictingAnnotation):
        return ApiError(409, "contradiction", str(error))
    if isinstance(error, DataError):
        return ApiError(422, "not_expressible", str(error))
    _log.error("a sentence could not be saved: %s", error)  # it names the path, which clients must not see
    if isinstance(error, DiskFull):
        message = _("The sentence is not saved because the server's disk is full; keep it and try again later.")
        return ApiError(507, "no_room", message)
    message = _(
        "The sentence is not saved because the file cannot be written now (the server's log says why); keep it and try "
        "again later."
    )
    return ApiError(503, "not_saved", message, {"Retry-After": "10"})
