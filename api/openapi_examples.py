"""Examples for every operation of the OpenAPI document: answers as a box gave them, with made-up secrets.

They are data (openapi_examples.json) and no part of the models, so that one place shows what a client sends
and gets. A test holds each of them against its schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.problems import MEDIA_TYPE, TITLES

EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = json.loads(
    Path(__file__).with_suffix(".json").read_text("utf-8")
)
"""``"POST /api/v1/users"`` -> ``request`` and ``response`` (of success); text for what is no JSON."""

_EVENT: Final = "019ca87c-0d00-7a3f-9c1e-0f2b6a1d4e55"
PARAMETERS: Final[Mapping[str, Any]] = {
    "action": "user.*",
    "actor_id": _EVENT,
    "after": 41,
    "before": "msg_019ca87c-0d00-7a3f-9c1e-0f2b6a1d4e55",
    "boxes": True,
    "class_name": "e_bike",
    "cursor": "MjAyNi0wMy0wMVQwODowMDowMCswMDowMHwwMTljYTg3Yy0wZDAwLTdhM2YtOWMxZS0wZjJiNmExZDRlNTU",
    "elevator_id": "car-1",
    "event_id": _EVENT,
    "if-match": '"0"',
    "label": "courier",
    "last-event-id": "41",
    "limit": 50,
    "locked": True,
    "max_duration_s": 120,
    "message_id": "msg_019ca87c-0d00-7a3f-9c1e-0f2b6a1d4e55",
    "min_duration_s": 10,
    "original": False,
    "outcome": "left",
    "segment": 0,
    "since": "2026-03-01T08:00:00Z",
    "state": "dead",
    "target": _EVENT,
    "text": "courier",
    "token_id": _EVENT,
    "trouble_id": _EVENT,
    "until": "2026-03-02T08:00:00Z",
    "user_id": _EVENT,
    "verdict": "none",
    "webhook_id": _EVENT,
}
"""By name; the same name means the same everywhere, but for `_OTHER`."""
_OTHER: Final[Mapping[tuple[str, str], Any]] = {("/api/v1/audit", "cursor"): "1041"}

_PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "400": ("forbidden-host", "the host 'evil.example' is not among web.allowed_hosts"),
    "401": ("not-signed-in", "sign in, or send an API token"),
    "403": ("not-allowed", "Chen Hao has no right to configure"),
    "404": ("not-found", "Not Found"),
    "409": ("still-running", "the request with this idempotency-key is still being done; ask again"),
    "410": ("evidence-evicted", "it was deleted to make room on 1 March 2026"),
    "411": ("length-required", "send a content-length header"),
    "412": ("changed-meanwhile", "it was changed meanwhile; read it again"),
    "413": ("too-large", "a body may have 49152 bytes; got 60000"),
    "415": ("wrong-content-type", "send content-type: application/json"),
    "416": ("unsatisfiable-range", "the file has 1760 bytes"),
    "422": ("bad-request", "query.limit: Input should be less than or equal to 200"),
    "428": ("version-required", "send If-Match with the ETag of what you read"),
    "429": ("too-many-attempts", "try again in 8 s"),
    "503": ("store-failing", "could not list events: the disk is full; free some space"),
}
_UNKNOWN: Final = {
    "{event_id}": "unknown-event",
    "{elevator_id}": "unknown-elevator",
    "{user_id}": "unknown-user",
    "{token_id}": "unknown-token",
    "{webhook_id}": "unknown-webhook",
    "{message_id}": "unknown-message",
    "{trouble_id}": "unknown-trouble",
}


def illustrate(document: dict[str, Any]) -> None:
    """Put the examples into an OpenAPI document, where there is none yet."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            shown = EXAMPLES.get(f"{method.upper()} {path}", {})
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                if name in PARAMETERS:
                    parameter.setdefault("example", _OTHER.get((path, name), PARAMETERS[name]))
            if "requestBody" in operation and "request" in shown:
                for content in operation["requestBody"]["content"].values():
                    content.setdefault("example", shown["request"])
            for status, response in operation["responses"].items():
                for media_type, content in response.get("content", {}).items():
                    if media_type == MEDIA_TYPE:
                        content.setdefault("example", _problem(status, path))
                    elif status.startswith("2") and "response" in shown:
                        content.setdefault("example", shown["response"])


def _problem(status: str, path: str) -> dict[str, Any]:
    kind, detail = _PROBLEMS[status]
    errors: dict[str, Any] = {}
    if status == "404":
        unknown = next((kind for part, kind in _UNKNOWN.items() if part in path), None)
        kind, detail = (unknown, f"{TITLES[unknown]} here") if unknown else (kind, detail)
    elif status == "422":
        errors = {"errors": [{"where": "query.limit", "message": detail.partition(": ")[2]}]}
    return {
        "type": f"urn:liftguard:problem:{kind}",
        "title": TITLES[kind],
        "status": int(status),
        "detail": detail,
        **errors,
    }
