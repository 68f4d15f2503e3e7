"""The description of the API: valid, complete, and readable without a network."""

from __future__ import annotations

import dataclasses
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from holdall import SettingsError
from holdall.settings import read_settings
from holdall_server.api import OPERATIONS
from holdall_server.app import create_app


@pytest.mark.covers("API-15")
async def test_the_document_is_valid_openapi_3_1(quick):
    document = (await quick.client().get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.req("SEC-HTTP-08")
async def test_routes_and_document_differ_by_nothing(quick):
    document = (await quick.client().get("/openapi.json")).json()
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    app = create_app(quick.settings)
    routed = {
        (method, "/" + re.sub(r"<(\w+)(:\w+)?>", r"{\1}", route.path))
        for route in app.router.routes
        for method in route.methods
    }
    assert routed == described


def test_every_operation_says_who_may_call_it(quick_settings):
    mute = dataclasses.replace(OPERATIONS[0], policy=None)
    with pytest.raises(SettingsError, match="declares no policy"):
        create_app(quick_settings, operations=[mute])
    with pytest.raises(SettingsError, match="name of its own"):
        create_app(quick_settings, operations=[OPERATIONS[0], OPERATIONS[0]])


@pytest.fixture
def quick_settings():
    return read_settings({"storage": {"use": "memory"}, "server": {"anonymous": "me"}})


@pytest.mark.covers("API-15")
async def test_the_page_needs_nothing_but_itself(quick):
    page = await quick.client().get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in page.text
    assert re.findall(r'(?:src|href)="(?!#|/openapi\.json)([^"]*)"', page.text) == []
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page.text


async def test_the_root_leads_to_the_page(quick):
    answer = await quick.client().get("/")
    assert (answer.status_code, answer.headers["location"], answer.content) == (302, "/docs", b"")
    assert (await quick.client().get("/", follow_redirects=True)).headers["content-type"].startswith("text/html")


async def test_the_page_says_what_a_parameter_may_be_and_all_refusals_in_one_row(start):
    site = await start(sessions={"max_page": 77})
    page = (await site.client().get("/docs")).text
    operations = dict(re.findall(r'<details id="(\w+)">(.*?)</details>', page))
    listing = operations["list_sessions"]
    row = "<td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td>"
    assert row.format("limit", "query", "integer, 1 to 77", "optional") in listing
    assert row.format("status", "query", "<code>active</code> or <code>ended</code>", "optional") in listing
    assert row.format("tag", "query", "string, 1 to 200 characters", "optional") in listing
    session = row.format("session", "path", '<span title="^[A-Za-z0-9_-]{16,64}$">string</span>', "required")
    assert session in operations["get_session"]
    assert ">NewToolRun</a>, required.</p>" in operations["log_tool_run"]
    for name, text in operations.items():
        errors = re.findall(r"<tr><td>errors</td>.*?</tr>", text)
        assert len(errors) == 1, name
        assert text.count("ProblemDetails</a>") == 1, name
        assert ">400</span>" in errors[0]
        assert "as <code>application/problem+json</code>" in errors[0]
        assert re.findall(r"<td><code>[45]\d\d</code></td>", text) == []
    assert "The <code>next</code> of the page before." in listing
    assert "`" not in "".join(operations.values())


async def test_the_document_has_the_deployments_own_bound(start):
    site = await start(sessions={"max_page": 77})
    document = site.contract.document
    limits = [
        parameter["schema"]["maximum"]
        for item in document["paths"].values()
        for parameter in item.get("get", {}).get("parameters", ())
        if parameter["name"] == "limit"
    ]
    assert limits == [77] * 13


async def test_documented_security_is_what_is_asked_for(quick, start):
    document = (await quick.client().get("/openapi.json")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and not path.count("{"):
                answer = await quick.client().request(method, path)
                assert (answer.status_code == 401) == (operation["security"] == [{"token": []}])
    anonymous = await start(server={"tokens": [], "anonymous": "me"})
    document = (await anonymous.client().get("/openapi.json")).json()
    assert {} in document["paths"]["/api/sessions"]["get"]["security"]
