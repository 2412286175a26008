"""Figures for Prometheus; `cnlu/server/metric_files.py` keeps the files in which they are summed over the workers."""

from __future__ import annotations

import os
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnlu.server.metric_files import FOLDER

__all__ = ["CONTENT_TYPE", "Metrics", "MetricsMiddleware", "exposition"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TEXTS = (1, 2, 4, 8, 16, 32)


class Metrics:
    """One worker's counters; make one in a process."""

    def __init__(self) -> None:
        own = CollectorRegistry()  # what is exposed is collected from the files of all workers
        self.requests = Counter("cnlu_requests", "Answered requests", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "cnlu_request_seconds", "From a request's head to its answer", ["route"], registry=own, buckets=_SECONDS
        )
        self.texts = Counter("cnlu_texts", "Parsed texts", registry=own)
        self.characters = Counter("cnlu_characters", "Characters of parsed texts", registry=own)
        self.batch = Histogram("cnlu_batch_texts", "Texts that shared a batch", registry=own, buckets=_TEXTS)
        self.waiting = Gauge(
            "cnlu_waiting_texts", "Texts that wait for a batch", registry=own, multiprocess_mode="livesum"
        )
        self.loads = Counter("cnlu_model_loads", "New models, put to work or refused", ["outcome"], registry=own)
        self.saved = Counter("cnlu_saved_sentences", "Sentences appended to the annotated file", registry=own)
        for outcome in ("swapped", "refused"):
            self.loads.labels(outcome)

    def on_batch(self, texts: list[str], waiting: int) -> None:
        self.waiting.set(waiting)
        self.texts.inc(len(texts))
        self.characters.inc(sum(map(len, texts)))
        self.batch.observe(len(texts))

    def on_refused(self, status: int) -> None:
        self.requests.labels("other", status).inc()

    def on_load(self, outcome: str) -> None:
        self.loads.labels(outcome).inc()


class MetricsMiddleware:
    """Counts and times the answers of an application; a path that no route has counts as "other"."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str]) -> None:
        self.app, self.metrics, self.routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, gone = time.perf_counter(), 0, False

        async def listening() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, listening, watching)
        except Exception:
            if not status:  # else it is answered and logged, without the user's text, by the application
                raise
        finally:
            if status and not gone:  # a client that went away got no answer
                route = scope["path"] if scope["path"] in self.routes else "other"
                self.metrics.requests.labels(route, status).inc()
                self.metrics.seconds.labels(route).observe(time.perf_counter() - start)


def exposition() -> bytes | None:
    """The figures of all workers, dead ones' sums included, in Prometheus' text format; None where there are none."""
    if FOLDER not in os.environ:
        return None
    together = CollectorRegistry()
    MultiProcessCollector(together)
    try:
        return generate_latest(together)
    except FileNotFoundError:  # a worker has just died, and its figures went to another file
        return generate_latest(together)
