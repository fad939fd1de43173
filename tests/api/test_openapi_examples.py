"""The OpenAPI document shows every operation rightly: what to send, what comes, what may go wrong."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from api.openapi_examples import EXAMPLES
from api.problems import MEDIA_TYPE, TITLES
from api.web import openapi_json

DOCUMENT = json.loads(openapi_json())
OPERATIONS = [
    pytest.param(path, operation, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
BINARY = {"video/mp4", "image/jpeg", "image/webp", "application/zip"}
"""Nobody reads an example of these."""


def errors(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value under a schema of the document."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    whole["components"] = DOCUMENT["components"]
    validator = jsonschema_rs.validator_for(whole, validate_formats=True)
    return [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(value)]


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_parameter_and_body_has_a_right_example(path: str, operation: dict[str, Any]) -> None:
    assert operation.get("description") or operation.get("summary")
    for parameter in operation.get("parameters", []):
        assert "example" in parameter, parameter["name"]
        assert errors(parameter["schema"], parameter["example"]) == [], parameter["name"]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        assert "example" in content, media_type
        assert errors(content["schema"], content["example"]) == []


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_answer_has_a_right_example(path: str, operation: dict[str, Any]) -> None:
    statuses = operation["responses"]
    assert any(status.startswith("2") for status in statuses)
    for status, response in statuses.items():
        assert response["description"]
        if not status.startswith(("2", "3")):
            assert list(response["content"]) == [MEDIA_TYPE], status
        for media_type, content in response.get("content", {}).items():
            if media_type in BINARY:
                continue
            example = content["example"]
            assert errors(content.get("schema", {}), example) == [], status
            if media_type == MEDIA_TYPE:
                assert example["status"] == int(status)
                assert example["type"].rpartition(":")[2] in TITLES
                assert example["title"] == TITLES[example["type"].rpartition(":")[2]]


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_operation_says_what_may_go_wrong(path: str, operation: dict[str, Any]) -> None:
    if path == "/api/v1/health/live":  # answers anybody who may reach it
        return
    assert {"400", "401", "422"} <= set(operation["responses"])
    if "{" in path:
        assert "404" in operation["responses"]


def test_no_example_is_left_over() -> None:
    known = {f"{method.upper()} {path}" for path, item in DOCUMENT["paths"].items() for method in item}
    assert set(EXAMPLES) <= known
