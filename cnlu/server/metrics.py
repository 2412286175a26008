"""Metrics for Prometheus; `cnlu/server/metric_files.py` keeps the files in which they are summed over all workers."""

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
    """One worker's metrics; create one per process."""

    def __init__(self) -> None:
        registry = CollectorRegistry()  # private: /metrics collects from the files of all workers
        self.requests = Counter("cnlu_requests", "Answered requests", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "cnlu_request_seconds",
            "From a request's head to its answer",
            ["route"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.texts = Counter("cnlu_texts", "Parsed texts", registry=registry)
        self.characters = Counter("cnlu_characters", "Characters of parsed texts", registry=registry)
        self.batch = Histogram("cnlu_batch_texts", "Texts that shared a batch", registry=registry, buckets=_TEXTS)
        self.waiting = Gauge(
            "cnlu_waiting_texts", "Texts waiting for a batch", registry=registry, multiprocess_mode="livesum"
        )
        self.loads = Counter(
            "cnlu_model_loads", "New models, put into service or refused", ["outcome"], registry=registry
        )
        self.saved = Counter("cnlu_saved_sentences", "Sentences appended to the annotated file", registry=registry)
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
    """Counts and times the responses of an application; a path without a route counts as "other"."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str]) -> None:
        self.app, self.metrics, self.routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, disconnected = time.perf_counter(), 0, False

        async def receive_counted() -> Message:
            nonlocal disconnected
            message = await receive()
            disconnected = disconnected or message["type"] == "http.disconnect"
            return message

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive_counted, send_counted)
        except Exception:
            if not status:  # otherwise the application has answered and logged it, without the user's text
                raise
        finally:
            if status and not disconnected:  # a client that disconnected got no response
                route = scope["path"] if scope["path"] in self.routes else "other"
                self.metrics.requests.labels(route, status).inc()
                self.metrics.seconds.labels(route).observe(time.perf_counter() - start)


def exposition() -> bytes | None:
    """The metrics of all workers, past ones included, in Prometheus' text format; None if metrics are off."""
    if FOLDER not in os.environ:
        return None
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    try:
        return generate_latest(registry)
    except FileNotFoundError:  # a worker has just died, and its sums moved to another file
        return generate_latest(registry)
