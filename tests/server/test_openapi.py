"""The OpenAPI description is correct: requests generated from it get the responses that it describes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from tests.server.running import Server
from tests.server.strict_json import strict

OPERATIONS = ["POST /parse", "POST /model/parse", "GET /labels", "POST /annotate", "GET /health", "GET /metrics"]


@pytest.fixture(scope="module")
def api(server: Server) -> Any:
    schemathesis = pytest.importorskip("schemathesis", reason="generated requests need the extra cnlu[dev]")
    return schemathesis.openapi.from_dict(httpx.get(server.url + "/openapi.json", trust_env=False).json())


@pytest.mark.parametrize("kind", ["fitting", "unfitting"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_responses_match_the_openapi_description(api: Any, server: Server, operation: str, kind: str) -> None:
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    method, path = operation.split()
    if kind == "unfitting" and method == "GET":
        pytest.skip("a request without parameters and body always fits")
    mode = GenerationMode.POSITIVE if kind == "fitting" else GenerationMode.NEGATIVE
    refusable = [positive_data_acceptance] if path == "/annotate" else []  # YAML cannot express every sentence

    @settings(max_examples=25 if method == "POST" else 3, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        response = case.call(base_url=server.url)
        case.validate_response(response, excluded_checks=refusable)
        if path != "/metrics":
            strict(response.content)

    check()


def test_every_operation_is_called_and_documented(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert described == set(OPERATIONS)
    page = client.get("/docs").text
    assert all(operation in page for operation in OPERATIONS)
