"""What every page has around its content: words, language, who is looking, where they may go.

The language is what the address asks for (``?lang=``), else what was asked for last (a cookie), else what the
browser prefers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import jinja2
from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.responses import Response
from starlette.types import Scope

from api.accounts.browsers import browser_name
from api.accounts.csrf import csrf
from api.accounts.gate import KNOWN_KEY
from api.accounts.who import NOT_SET_UP, SCOPE_KEY, Actor, Right, actor_of
from api.i18n import WORDS, Words, choose_language
from api.problems import ProblemError
from api.web_parts import parts_of, seen_by

ROOT: Final = Path(__file__).parents[1]
LANG_COOKIE: Final = "liftguard_lang"
YEAR_S: Final = 365 * 24 * 3600

Lang = Annotated[str | None, Query(max_length=10)]


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation. ``key``: its word, its icon, and the address unless that is ``/``."""

    key: str
    path: str
    right: Right


PLACES: Final = (
    Place("live", "/", Right.SEE_LIVE),
    Place("review", "/review", Right.SEE_EVENTS),
    Place("statistics", "/statistics", Right.SEE_EVENTS),
    Place("devices", "/devices", Right.SEE_LIVE),
    Place("settings", "/settings", Right.CONFIGURE),
    Place("audit", "/audit", Right.SEE_AUDIT),
    Place("users", "/users", Right.MANAGE_USERS),
)
"""Every place of the navigation, in its order. Who lacks the right does not see the entry."""


class Static(StaticFiles):
    """Files that a browser keeps, and asks about each time: a new version shows at once, an old one costs
    one small question."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with its caching named."""
        answer = await super().get_response(path, scope)
        answer.headers.setdefault("cache-control", "no-cache")
        return answer


static = Static(directory=ROOT / "static")


def iso(at: datetime) -> str:
    """For ``<time datetime>``: UTC with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_bytes(n: float) -> str:
    """Bytes for a person, in powers of ten as disks are sold: 12 MB, 1.5 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(n) < 999.5:
            return f"{n:.0f} {unit}" if unit in {"B", "kB"} or n >= 10 else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def _templates() -> Jinja2Templates:
    # No auto-reload and no undefined names: a misspelt word is an error in the tests, not a gap on the page.
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["iso"] = iso
    env.filters["bytes"] = in_bytes
    env.filters["browser"] = browser_name
    env.filters["plain"] = lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Jinja2Templates(env=env)


templates = _templates()


def language(request: Request, asked: str | None) -> str:
    """``en`` or ``zh``, see above."""
    kept = request.cookies.get(LANG_COOKIE)
    return choose_language(asked if asked in WORDS else kept, request.headers.get("accept-language"))


def shell(request: Request, asked: str | None) -> dict[str, Any]:
    """What `base.html` needs. Raises: ProblemError 401 if nobody is signed in."""
    return _around(request, language(request, asked), actor_of(request))


def _around(request: Request, lang: str, actor: Actor | None) -> dict[str, Any]:
    parts = parts_of(request)
    state = None if actor is None else parts.link.state()
    if state is not None and actor is not None:
        state = seen_by(actor, state)
    other = "en" if lang == "zh" else "zh"
    return {
        "t": Words(lang),
        "lang": lang,
        "other_lang": other,
        "other_url": f"{request.url.path}?{request.url.include_query_params(lang=other).query}",
        "version": parts.version,
        "state": state,
        "names": {} if state is None else {e.id: e.name for e in state.elevators},
        "actor": actor,
        "places": [p for p in PLACES if actor is not None and actor.may(p.right)],
        "here": request.url.path,
        "Right": Right,
        "csrf": lambda: csrf(request),  # for the hidden field of a form; `account_parts.html` has it
        "known": request.scope.get(KNOWN_KEY),
        "not_set_up": actor is NOT_SET_UP,
    }


def render(
    request: Request,
    name: str,
    asked: str | None,
    more: dict[str, Any] | None = None,
    *,
    status: int = 200,
    public: bool = False,
) -> HTMLResponse:
    """A whole page or a part of one, from a template; remembers the language if the address asks for one.

    ``public``: also for whoever is not signed in.
    """
    around = (
        _around(request, language(request, asked), request.scope.get(SCOPE_KEY))
        if public
        else shell(request, asked)
    )
    answer = templates.TemplateResponse(request, name, around | (more or {}), status_code=status)
    if asked in WORDS:
        answer.set_cookie(LANG_COOKIE, str(asked), max_age=YEAR_S, httponly=True, samesite="lax")
    return answer


def problem_page(request: Request, exc: ProblemError) -> HTMLResponse:
    """A problem as a page, for a person whose browser asked for one."""
    actor = None if exc.problem.status == 401 else actor_of(request)
    around = _around(request, language(request, request.query_params.get("lang")), actor)
    return templates.TemplateResponse(
        request,
        "problem.html",
        around | {"problem": exc.problem, "kind": exc.kind},
        status_code=exc.problem.status,
    )


def wants_page(request: Request) -> bool:
    """A browser that shows what comes: not a program, and not the API."""
    return (
        request.method == "GET"
        and not request.url.path.startswith(("/api/", "/metrics", "/static/"))
        and "text/html" in request.headers.get("accept", "")
    )
