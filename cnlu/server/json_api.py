"""The server's own JSON API: parsing, labels, saving corrections, health, metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnlu.errors import CnluError, DataError
from cnlu.server.annotate import AlreadyAnnotated, ConflictingAnnotation, DiskFull
from cnlu.server.auth import check_bearer
from cnlu.server.corrections import read_example
from cnlu.server.metrics import CONTENT_TYPE, exposition
from cnlu.server.request_limits import check_fields, check_text, read_object
from cnlu.server.responses import ApiError, answer
from cnlu.server.service import Service

_log = logging.getLogger("cnlu.server")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def routes(service: Service) -> list[Route]:
    settings = service.settings

    def guarded(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            check_bearer(request, settings.token)
            return await handler(request)

        return checked

    async def parse(request: Request) -> Response:
        content = await read_object(request, settings)
        check_fields(content, ("text", "texts"))
        if len(content) != 1:
            raise ApiError(422, "invalid", 'Give either "text", a string, or "texts", a list of strings.')
        if "text" in content:
            return answer((await service.parse([check_text(content["text"], settings)]))[0])
        texts = content["texts"]
        if not isinstance(texts, list):
            raise ApiError(422, "invalid", '"texts" must be a list of strings.')
        return answer(
            {
                "results": await service.parse(
                    [check_text(text, settings, f"texts[{number}]") for number, text in enumerate(texts)]
                )
            }
        )

    async def labels(request: Request) -> Response:
        model = service.models.current
        saving = settings.annotate is not None
        return answer({"model": model.name, **model.interpreter.labels.to_dict(), "annotate": saving})

    async def annotate(request: Request) -> Response:
        if service.corrections is None:
            raise ApiError(404, "not_found", "This server does not save sentences; start it with --annotate.")
        # No page of another site can send this type without asking first, and nobody answers that question.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ApiError(415, "not_json", "Send the sentence with Content-Type: application/json.")
        example = read_example(await read_object(request, settings), settings)
        try:
            await service.corrections.save(example)
        except AlreadyAnnotated:
            return answer({"saved": False, "message": "The file already has this sentence, annotated the same way."})
        except CnluError as error:
            raise _not_saved(error) from None
        service.metrics.saved.inc()
        return answer({"saved": True, "message": "Saved."})

    async def health(request: Request) -> Response:
        if service.batcher.busy_for > settings.parse_timeout / 2:
            raise ApiError(
                503,
                "stuck",
                "This worker has parsed the same texts for long; it will be replaced.",
                {"Retry-After": "1"},
            )
        return answer({"status": "ok"})

    async def metrics(request: Request) -> Response:
        figures = await asyncio.to_thread(exposition)
        if figures is None:
            raise ApiError(
                503, "no_figures", "This server runs without figures; its log says why.", {"Retry-After": "60"}
            )
        return Response(figures, media_type=CONTENT_TYPE)

    return [
        Route("/parse", guarded(parse), methods=["POST"]),
        Route("/labels", guarded(labels), methods=["GET"]),
        Route("/annotate", guarded(annotate), methods=["POST"]),
        Route("/health", health, methods=["GET"]),
        Route("/metrics", guarded(metrics), methods=["GET"]),
    ]


def _not_saved(error: CnluError) -> ApiError:
    if isinstance(error, ConflictingAnnotation):
        return ApiError(409, "contradiction", str(error))
    if isinstance(error, DataError):
        return ApiError(422, "not_expressible", str(error))
    _log.error("a sentence could not be saved: %s", error)  # it names the path, which is no business of the client's
    if isinstance(error, DiskFull):
        return ApiError(
            507,
            "no_room",
            "The sentence is not saved, for the server's disk is full; keep it and try again when there is room.",
        )
    return ApiError(
        503,
        "not_saved",
        "The sentence is not saved, for the file cannot be written now, and the server's "
        "log says why; keep it and try again later.",
        {"Retry-After": "10"},
    )
