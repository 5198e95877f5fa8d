"""Who may do what: every endpoint times every role, and whose things are whose.

An endpoint without a row here fails the first test.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from api.main import create_app
from ppm_pipelines_tests.product import Product

ROLES = ("nobody", "viewer", "controller", "integration", "admin")
RUN = "00000000-0000-4000-8000-000000000000"
VIEWERS, CONTROLLERS, INTEGRATORS, ADMINS = 1, 2, 3, 4  # the index of the first role that may


class Row(NamedTuple):
    """``allowed`` is what the first role that may (and every higher one) is answered in an empty organisation."""

    method: str
    path: str
    since: int
    allowed: int
    body: Any = None


TABLE = [
    Row("POST", "/api/integrations/sync", CONTROLLERS, 409, {"system": "sap"}),
    Row("POST", "/api/integrations/{system}/sync", CONTROLLERS, 409, {}),
    Row("POST", "/api/v1/erp/sync", CONTROLLERS, 409, {"adapter": "sap"}),
    Row("GET", "/api/integrations/sources", VIEWERS, 200),
    Row("GET", "/api/integrations/config", INTEGRATORS, 200),
    Row("GET", "/api/integrations/{system}/config", INTEGRATORS, 200),
    Row("PUT", "/api/integrations/{system}/config", INTEGRATORS, 422, {"settings": {}}),
    Row("PATCH", "/api/integrations/{system}/config", INTEGRATORS, 409, {"enabled": False}),
    Row("POST", "/api/integrations/{system}/test", INTEGRATORS, 409),
    Row("GET", "/api/integrations/{system}/mapping/{entity}", INTEGRATORS, 200),
    Row("PUT", "/api/integrations/{system}/mapping/{entity}", INTEGRATORS, 200, {}),
    Row("POST", "/api/integrations/{system}/mapping/{entity}/suggest", INTEGRATORS, 200, {}),
    Row("POST", "/api/integrations/{system}/mapping/{entity}/preview", INTEGRATORS, 200, {}),
    Row("GET", "/api/integrations/{system}/mapping/{entity}/versions", INTEGRATORS, 200),
    Row("POST", "/api/integrations/{system}/mapping/{entity}/versions/{version}/restore", INTEGRATORS, 404, {}),
    Row("GET", "/api/integrations/runs", VIEWERS, 200),
    Row("GET", "/api/integrations/runs/{run_id}", VIEWERS, 404),
    Row("GET", "/api/integrations/runs/{run_id}/events", VIEWERS, 404),
    Row("POST", "/api/integrations/runs/{run_id}/cancel", CONTROLLERS, 404),
    Row("GET", "/api/integrations/events", VIEWERS, 200),
    Row("GET", "/api/integrations/rejections", VIEWERS, 200),
    Row("POST", "/api/integrations/rejections/replay", CONTROLLERS, 409, {"system": "sap"}),
    Row("GET", "/api/costbook/projects", VIEWERS, 200),
    Row("GET", "/api/costbook/projects/{project_id}", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/commitments", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/actuals", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/commitments/{line_id}", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/actuals/{line_id}", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/breakdown", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/compare?from=2026-01-01", VIEWERS, 404),
    Row("GET", "/api/costbook/projects/{project_id}/links", VIEWERS, 404),
    Row("GET", "/api/costbook/periods", VIEWERS, 200),
    Row("GET", "/api/costbook/periods/{year}/{period}", VIEWERS, 404),
    Row("POST", "/api/costbook/periods/{year}/{period}/close", CONTROLLERS, 409),
    Row("PUT", "/api/costbook/projects/{project_id}/budget", CONTROLLERS, 404, {"lines": []}),
    Row("PUT", "/api/costbook/projects/{project_id}/links", CONTROLLERS, 404, []),
    Row("PUT", "/api/costbook/projects/{project_id}/labour", CONTROLLERS, 404, {"source": None}),
    Row("POST", "/api/people/erase", ADMINS, 200, {"system": "jira", "person": "nobody"}),
    Row("GET", "/api/me", VIEWERS, 200),
]
# Answered without a token: each says nothing but that it is there (metrics: loopback or an admin).
OPEN = {
    ("GET", "/api/health/live"): 200,
    ("GET", "/api/health/ready"): 200,
    ("GET", "/metrics"): 200,
    ("POST", "/api/sessions/sandbox"): 200,
}


def endpoints() -> set[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = create_app().openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_endpoint_has_a_row_in_the_table() -> None:
    assert endpoints() == {(row.method, row.path.partition("?")[0]) for row in TABLE} | set(OPEN)


def expected(row: Row, role: str) -> int:
    if role == "nobody":
        return 401
    return row.allowed if ROLES.index(role) >= row.since else 403


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
def test_an_endpoint_answers_a_role_as_the_table_says(product: Product, row: Row, role: str) -> None:
    client = product.anybody() if role == "nobody" else product.api(role, "empty")
    url = row.path.format(system="sap", run_id=RUN, project_id=RUN, line_id=1, year=2099, period=1, entity="actuals",
                          version=7)  # fmt: skip
    # Streamed, so that an event stream is judged by its head and not waited for.
    with client.stream(row.method, url, json=row.body) as answer:
        assert answer.status_code == expected(row, role), answer.read()
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("endpoint", "status"), OPEN.items(), ids=str)
def test_an_open_endpoint_answers_anybody(product: Product, endpoint: tuple[str, str], status: int) -> None:
    method, path = endpoint
    body = {"role": "viewer"} if method == "POST" else None
    assert product.anybody().request(method, path, json=body).status_code == status


def test_the_sandbox_signs_in_its_three_users(product: Product) -> None:
    for role in ("admin", "controller", "viewer"):
        signed_in = product.anybody().post("/api/sessions/sandbox", json={"role": role}).json()
        headers = {"Authorization": f"Bearer {signed_in['token']}"}
        me = product.anybody().get("/api/me", headers=headers).json()
        assert (me["role"], me["organization_id"]) == (role, "default")
        assert me["rights"] == {"configure": role == "admin", "sync": role != "viewer"}
    assert product.anybody().post("/api/sessions/sandbox", json={"role": "integration"}).status_code == 422


def test_metrics_through_a_proxy_need_an_admin(product: Product) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert product.anybody().get("/metrics", headers=forwarded).status_code == 401
    assert product.api("integration").get("/metrics", headers=forwarded).status_code == 403
    assert product.api("admin").get("/metrics", headers=forwarded).status_code == 200


def test_another_organisation_is_not_there(product: Product) -> None:
    mine = product.api("admin", "empty")
    assert mine.post("/api/integrations/sync", json={"system": "sap", "organization_id": "default"}).status_code == 404
    for path in ("integrations/runs", "integrations/sap/config", "costbook/projects", "integrations/config"):
        assert mine.get(f"/api/{path}", params={"organization_id": "default"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/integrations/runs/%00",
        f"/api/costbook/projects/{RUN}/commitments?offset=99999999999999999999",
        "/api/integrations/rejections?code=%00",
        "/api/integrations/rejections?cursor=WzFdMTIz",
    ],
)
def test_a_value_that_can_not_exist_is_the_caller_s_mistake(product: Product, path: str) -> None:
    assert product.api("viewer").get(path).status_code in (404, 422)


def test_an_operator_picks_an_organisation_that_exists(product: Product) -> None:
    operator = product.api("admin", "*")
    assert operator.get("/api/integrations/runs", params={"organization_id": "default"}).status_code == 200
    assert operator.get("/api/integrations/runs", params={"organization_id": "nowhere"}).status_code == 404
    assert operator.get("/api/integrations/runs").status_code == 200


class TestProblemDocuments:
    def test_speak_the_language_of_the_caller(self, product: Product) -> None:
        german = product.anybody().get("/api/me", headers={"Accept-Language": "fr;q=0.9, de-DE;q=0.8, en;q=0.1"})
        assert german.headers["content-language"] == "de"
        assert german.json()["title"] == "Nicht angemeldet"
        assert product.anybody().get("/api/me").json()["title"] == "Not signed in"

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/nothing/here", 404), ("DELETE", "/api/me", 405), ("GET", "/api/integrations/runs?limit=x", 422)],
    )
    def test_also_come_from_the_framework(self, product: Product, method: str, path: str, status: int) -> None:
        answer = product.api("admin").request(method, path)
        document = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, document["status"]) == (status, status)
        assert document["type"]
        assert document["title"]
        assert document["detail"].endswith(".")

    def test_name_the_unknown_field(self, product: Product) -> None:
        answer = product.api("admin").post("/api/integrations/sync", json={"system": "sap", "colour": "red"})
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": "colour", "reason": "is not a field of this call."}]

    def test_a_body_that_is_no_json_is_a_problem_too(self, product: Product) -> None:
        headers = {"Content-Type": "application/json"}
        answer = product.api("admin").post("/api/integrations/sync", content=b"{", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (422, "The body is not valid JSON.")
