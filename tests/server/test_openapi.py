"""The OpenAPI description tells the truth: requests made from it get the answers it promises."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import HealthCheck, settings

from tests.server.conftest import Server

schemathesis = pytest.importorskip("schemathesis", reason="generated requests need the extra cnlu[dev]")


@pytest.fixture(scope="module")
def api(server: Server):  # type: ignore[no-untyped-def]
    return schemathesis.openapi.from_dict(httpx.get(server.url + "/openapi.json", trust_env=False).json())


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_every_operation_keeps_what_the_description_promises(case, server: Server) -> None:  # type: ignore[no-untyped-def]
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    answer = case.call(base_url=server.url)
    excluded = [positive_data_acceptance] if case.path == "/annotate" else []
    case.validate_response(answer, excluded_checks=excluded)  # YAML cannot express every sentence


def test_every_route_is_described_and_every_description_has_a_route(client: httpx.Client) -> None:
    paths = set(client.get("/openapi.json").json()["paths"])
    assert paths == {"/parse", "/model/parse", "/labels", "/annotate", "/health", "/metrics"}
    page = client.get("/docs").text
    assert all(path in page for path in paths)
