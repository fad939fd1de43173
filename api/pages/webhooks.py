"""``/webhooks``: who is told of events, and what could not be delivered. Its forms work without script."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, Response

from api.accounts.forms import FormFields, error_of, go
from api.accounts.who import Actor, Right, needs
from api.notices import routes
from api.notices.address import MAX_URL
from api.notices.values import EVENT_TYPES, EventType, Message
from api.pages.shell import Lang, render
from api.problems import ProblemError
from api.web_parts import parts_of

router = APIRouter(include_in_schema=False)
MayConfigure = Annotated[Actor, Depends(needs(Right.CONFIGURE))]
WebhookId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
MessageId = Annotated[str, Path(pattern=r"^msg_[0-9a-f-]{36}$")]
SHOWN: Final = 100
"""Dead messages on the page; the API pages through all of them."""


@router.get("/webhooks", response_class=HTMLResponse)
def page(request: Request, actor: MayConfigure, lang: Lang = None) -> HTMLResponse:
    """Every webhook, what was given up, and a form for one more."""
    return _page(request, actor, lang, {})


@router.post("/webhooks", response_class=HTMLResponse)
def add(request: Request, actor: MayConfigure, form: FormFields, lang: Lang = None) -> Response:
    """Make a webhook and show its secret, this once."""
    known: tuple[EventType, ...] = get_args(EventType)
    types = tuple(kind for kind in known if kind in form)
    try:
        body = routes.NewWebhook(
            url=form.get("url", "")[:MAX_URL],
            description=form.get("description", "")[:200].strip(),
            types=types or EVENT_TYPES,
        )
        made = routes.add_webhook(request, actor, body)
    except ProblemError as exc:
        return _page(request, actor, lang, {"error": error_of(exc), "form": form}, exc.problem.status)
    except ValueError:
        said = {"kind": "bad-request", "wait_s": "", "detail": "description"}
        return _page(request, actor, lang, {"error": said, "form": form}, 422)
    return _page(request, actor, lang, {"secret": made.secret, "made": made.url})


@router.post("/webhooks/{webhook_id}/switch")
def switch(request: Request, actor: MayConfigure, webhook_id: WebhookId, form: FormFields) -> Response:
    """On or off."""
    routes.switch_webhook(request, actor, webhook_id, routes.Switch(enabled=form.get("to") == "on"))
    return go("/webhooks")


@router.post("/webhooks/{webhook_id}/test")
def test(request: Request, actor: MayConfigure, webhook_id: WebhookId) -> Response:
    """Send a test message."""
    routes.test_webhook(request, actor, webhook_id)
    return go("/webhooks")


@router.post("/webhooks/{webhook_id}/remove")
def remove(request: Request, actor: MayConfigure, webhook_id: WebhookId) -> Response:
    """Tell them no more."""
    routes.remove_webhook(request, actor, webhook_id)
    return go("/webhooks")


@router.post("/webhooks/messages/{message_id}/retry")
def retry(request: Request, actor: MayConfigure, message_id: MessageId) -> Response:
    """Try a message that was given up once more."""
    routes.retry_message(request, actor, message_id)
    return go("/webhooks")


def _page(
    request: Request, actor: Actor, lang: str | None, more: dict[str, Any], status: int = 200
) -> HTMLResponse:
    store = routes.store_of(request)
    hooks = routes.list_webhooks(request, actor)
    dead: tuple[Message, ...] = store.messages(None, "dead", SHOWN)
    facts = {
        "hooks": hooks,
        "dead": dead,
        "urls": {hook.id: hook.url for hook in hooks},
        "types": EVENT_TYPES,
        "error": None,
        "form": {},
        "secret": None,
        "made": "",
        "mqtt": _mqtt(request),
    }
    return render(request, "webhooks.html", lang, facts | more, status=status)


def _mqtt(request: Request) -> str:
    """The broker that is told, or empty."""
    settings = parts_of(request).settings
    host = settings.mqtt.host if settings is not None else None
    return "" if settings is None or host is None else f"{host}:{settings.mqtt.port}"
