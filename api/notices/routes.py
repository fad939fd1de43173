"""``/api/v1/webhooks``: who is told of events, what waits and what could not be delivered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.accounts.who import Actor, Right, needs
from api.live import OneLine
from api.notices.address import MAX_URL, check_url
from api.notices.values import EVENT_TYPES, EventType, Message, MessageState, Webhook
from api.notices.webhook_store import Webhooks
from api.problems import ProblemError, responses
from api.web_parts import parts_of
from vision.errors import ConfigError

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])
MayConfigure = Annotated[Actor, Depends(needs(Right.CONFIGURE))]
WebhookId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
MessageId = Annotated[str, Path(pattern=r"^msg_[0-9a-f-]{36}$")]


class NewWebhook(BaseModel):
    """Who is to be told of what."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=MAX_URL, examples=["https://example.org/hooks/liftguard"])
    description: OneLine = Field("", max_length=200)
    types: tuple[EventType, ...] = Field(EVENT_TYPES, min_length=1)
    elevators: tuple[str, ...] | None = Field(None, max_length=200, description="Null: all of them")


class WebhookBody(BaseModel):
    """A webhook. Its secret is shown once, when it is made."""

    id: str
    url: str
    description: str
    types: tuple[str, ...]
    elevators: tuple[str, ...] | None
    enabled: bool
    disabled_reason: str | None
    created_at: AwareDatetime
    waiting: int = Field(description="Messages that wait for their next try")
    dead: int = Field(description="Messages that were given up")


class MadeWebhook(WebhookBody):
    """A new webhook with its secret."""

    secret: str = Field(description="Shown this once; signs every message (Standard Webhooks, v1)")


class Switch(BaseModel):
    """On or off."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


class MessageBody(BaseModel):
    """One message to one webhook."""

    id: str
    webhook_id: str
    type: str
    event_id: str
    state: str
    attempts: int
    created_at: AwareDatetime
    next_at: AwareDatetime = Field(description="Of a message that waits")
    ended_at: AwareDatetime | None
    last_result: str


class MessagePage(BaseModel):
    """Messages, newest first."""

    messages: list[MessageBody]
    next: str | None = Field(description="`before` of the next page; null: this is the last one")


def store_of(request: Request) -> Webhooks:
    """The webhooks of this application."""
    parts = parts_of(request)
    return Webhooks(parts.store, parts.accounts.now)


@router.get("", responses=responses(401, 403, 503))
def list_webhooks(request: Request, _actor: MayConfigure) -> list[WebhookBody]:
    """Every webhook."""
    webhooks = store_of(request)
    counts = webhooks.counts()
    return [_body(hook, counts) for hook in webhooks.all()]


@router.post("", status_code=201, responses=responses(401, 403, 409, 503))
def add_webhook(request: Request, actor: MayConfigure, body: NewWebhook) -> MadeWebhook:
    """Tell somebody of events from now on. The answer holds the secret, this once."""
    try:
        url = check_url(body.url)
    except ConfigError as exc:
        raise ProblemError(422, "bad-request", f"body.url: {exc}") from exc
    parts_of(request).audit.note(actor, "webhook.add", url, ",".join(body.types))
    elevators = None if body.elevators is None else frozenset(body.elevators)
    hook = store_of(request).add(url, body.description, body.types, elevators)
    return MadeWebhook(**_body(hook, {}).model_dump(), secret=hook.secret)


@router.patch("/{webhook_id}", responses=responses(401, 403, 404, 503))
def switch_webhook(request: Request, actor: MayConfigure, webhook_id: WebhookId, body: Switch) -> WebhookBody:
    """Switch on or off. What waits is kept."""
    parts_of(request).audit.note(actor, "webhook.switch", webhook_id, "on" if body.enabled else "off")
    webhooks = store_of(request)
    return _body(webhooks.enable(webhook_id, body.enabled), webhooks.counts())


@router.delete("/{webhook_id}", status_code=204, responses=responses(401, 403, 404, 503))
def remove_webhook(request: Request, actor: MayConfigure, webhook_id: WebhookId) -> None:
    """Tell them no more; what waits is forgotten."""
    parts_of(request).audit.note(actor, "webhook.remove", webhook_id)
    store_of(request).remove(webhook_id)


@router.post("/{webhook_id}/test", status_code=202, responses=responses(401, 403, 404, 503))
def test_webhook(request: Request, actor: MayConfigure, webhook_id: WebhookId) -> MessageBody:
    """Send a `webhook.test` message; ask for it again to see what became of it."""
    parts_of(request).audit.note(actor, "webhook.test", webhook_id)
    return _message(store_of(request).test(webhook_id))


@router.get("/messages", responses=responses(401, 403, 503))
def list_messages(
    request: Request,
    _actor: MayConfigure,
    webhook_id: Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$")] = None,
    state: MessageState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(pattern=r"^msg_[0-9a-f-]{36}$")] = None,
) -> MessagePage:
    """Messages, newest first; `state=dead` are those that were given up."""
    found = store_of(request).messages(webhook_id, state, limit + 1, before)
    page = found[:limit]
    return MessagePage(
        messages=[_message(message) for message in page], next=page[-1].id if len(found) > limit else None
    )


@router.post("/messages/{message_id}/retry", status_code=202, responses=responses(401, 403, 404, 409, 503))
def retry_message(request: Request, actor: MayConfigure, message_id: MessageId) -> MessageBody:
    """Try a message that was given up once more, or one that waits at once."""
    parts_of(request).audit.note(actor, "webhook.retry", message_id)
    return _message(store_of(request).again(message_id))


def _body(hook: Webhook, counts: dict[tuple[str, str], int]) -> WebhookBody:
    facts = asdict(hook)
    del facts["secret"]
    facts["elevators"] = None if hook.elevators is None else tuple(sorted(hook.elevators))
    waiting, dead = counts.get((hook.id, "waiting"), 0), counts.get((hook.id, "dead"), 0)
    return WebhookBody(**facts, waiting=waiting, dead=dead)


def _message(message: Message) -> MessageBody:
    return MessageBody(**{k: v for k, v in asdict(message).items() if k in MessageBody.model_fields})
