"""HTML pages: templates without scripts, one stylesheet, and headers that keep what is shown on its screen."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import azure.functions as func
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domain.errors import Malformed, WorkflowError
from triggers.pages import words

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "style.css").read_text(encoding="utf-8")
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    # Nothing is loaded and nothing runs; the one inline stylesheet is allowed by its digest.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Other sites get no referrer. With no-referrer, browsers would send `Origin: null` from our own forms as well, and
    # the origin of a form could not be checked (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
    "Referrer-Policy": "same-origin",
}

_HARMLESS: Final = frozenset({"application/pdf", "image/jpeg", "image/png", "image/tiff", "text/plain"})
"""Media types that are told to the browser as they are."""


def _instant(at: datetime, zone: str) -> str:
    """``Mon 30 Nov 2026, 23:59 EST``."""
    return at.astimezone(ZoneInfo(zone)).strftime("%a %-d %b %Y, %H:%M %Z")


_PAGES: Final = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_PAGES.globals.update(style=Markup(_STYLE), words=words)  # noqa: S704  (our own file)
_PAGES.filters["instant"] = _instant


def page(template: str, status: int = 200, **values: Any) -> func.HttpResponse:
    """The page that ``template`` makes of ``values``. Everything is escaped."""
    body = _PAGES.get_template(template).render(**values)
    return func.HttpResponse(body, status_code=status, mimetype="text/html", headers=HEADERS)


def error_page(error: WorkflowError) -> func.HttpResponse:
    """What went wrong and what to do, for a person."""
    problems = [problem.text for problem in error.problems] if isinstance(error, Malformed) else []
    known = words.WHAT_TO_DO.get(error.status, words.WHAT_TO_DO[500])
    return page("error.html", error.status, title=error.title, text=error.text, problems=problems, what_to_do=known)


def download(content: bytes, kind: str, name: str) -> func.HttpResponse:
    """A file to keep, never to show: what a provider sent may hold anything."""
    mimetype = kind if kind in _HARMLESS else "application/octet-stream"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
    return func.HttpResponse(content, mimetype=mimetype, headers=headers)


def see_other(location: str) -> func.HttpResponse:
    """After a form: look at ``location``."""
    return func.HttpResponse(status_code=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": location})
