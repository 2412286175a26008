"""The parts of a worker that its routes use: settings, model, queue and metrics."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnlu.server.batching import Batcher
from cnlu.server.corrections import Corrections
from cnlu.server.metrics import Metrics
from cnlu.server.models import Models
from cnlu.server.settings import ServerSettings

_log = logging.getLogger("cnlu.server")


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of one worker."""

    settings: ServerSettings
    models: Models
    batcher: Batcher
    metrics: Metrics
    corrections: Corrections | None
    """None if the server does not save sentences."""

    async def parse(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Parse results, in order; logs the texts only if the server was started with --log-texts."""
        results = await self.batcher.parse(texts)
        if self.settings.log_texts:
            for result in results:
                _log.info("parsed %s as %s", ascii(result["text"]), result["intent"]["name"])
        return results
