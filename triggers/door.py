"""What every HTTP door does around its handler: sign-in, role, limits, errors as OperationOutcome or problem+json."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import azure.durable_functions as df
import azure.functions as func

from adapters.connections import connections
from domain.errors import Defect, Forbidden, Malformed, Problem, Unauthenticated, WorkflowError
from domain.json import Json
from domain.operation_outcome import operation_outcome
from domain.principal import Role, principal
from domain.problem_json import problem
from triggers import pages
from triggers.body import limited, read_json
from triggers.desk import Desk
from triggers.faults import log_fault
from triggers.instances import Instances

FHIR_JSON: Final = "application/fhir+json"
ANONYMOUS: Final = func.AuthLevel.ANONYMOUS
WITH_KEY: Final = func.AuthLevel.FUNCTION
_MOST_FIELDS: Final = 500


class Dialect(Enum):
    """How a door answers, errors included."""

    FHIR = "fhir"
    API = "api"
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Desk):
    """One request with all that its handler may use."""

    request: func.HttpRequest

    @property
    def body(self) -> bytes:
        """The body. Raises ``TooLarge('body')`` over the limit."""
        return limited(self.request.get_body() or b"", self.to.settings)

    @property
    def json(self) -> Json:
        """The body as JSON. Raises ``Malformed('not-json')`` and ``TooLarge('body'|'depth')``."""
        return read_json(self.body, self.to.settings)

    @property
    def form(self) -> dict[str, list[str]]:
        """The fields of a form, those left empty too. Raises ``Malformed('not-a-form')``."""
        try:
            text = self.body.decode("ascii")
            return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
        except ValueError:
            raise Malformed(
                [Problem(path="", text="The body is not a form.", code="structure")], "not-a-form"
            ) from None

    def part(self, name: str) -> str:
        """A route parameter."""
        return str(self.request.route_params[name])


Handler = Callable[[Call], Awaitable[func.HttpResponse]]


def door(
    blueprint: df.Blueprint,
    route: str,
    method: str,
    *,
    roles: tuple[Role, ...],
    dialect: Dialect = Dialect.API,
    auth: func.AuthLevel = ANONYMOUS,
) -> Callable[[Handler], Handler]:
    """Register the decorated handler as an HTTP function that only ``roles`` may call."""

    def register(handler: Handler) -> Handler:
        async def serve(req: func.HttpRequest, client: Any) -> func.HttpResponse:
            try:
                return await handler(_call(req, client, roles, own_page=dialect is Dialect.PAGE and method == "POST"))
            except Unauthenticated as error:
                return _sign_in(req) if dialect is Dialect.PAGE and method == "GET" else _failed(error, dialect)
            except WorkflowError as error:
                return _failed(error, dialect)
            except Exception as error:
                return _failed(_defect(error, handler.__name__), dialect)

        serve.__name__ = serve.__qualname__ = handler.__name__
        serve.__doc__ = handler.__doc__
        bound = blueprint.durable_client_input(client_name="client")(serve)
        blueprint.route(route=route, methods=[method], auth_level=auth)(bound)
        return handler

    return register


def _call(request: func.HttpRequest, client: Any, roles: tuple[Role, ...], *, own_page: bool) -> Call:
    """The request of a principal that has one of ``roles``; ``own_page``: it must come from a page of ours."""
    who = principal(request.headers)
    who.require(*roles)
    to = connections()
    if own_page:
        _check_own_page(request, str(to.settings.public_url))
    return Call(who, to, Instances(client), request=request)


def answer(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    return _respond(body, status, "application/json", headers)


def fhir(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A FHIR answer."""
    return _respond(body, status, FHIR_JSON, headers)


def _respond(body: Json, status: int, kind: str, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    everything = {"Cache-Control": "no-store", **(headers or {})}
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype=kind, headers=everything)


def _failed(error: WorkflowError, dialect: Dialect) -> func.HttpResponse:
    if dialect is Dialect.PAGE:
        return pages.error_page(error)
    headers = {"Retry-After": "10"} if error.status == 503 else None
    if dialect is Dialect.FHIR:
        return _respond(operation_outcome(error), error.status, FHIR_JSON, headers)
    return _respond(problem(error), error.status, "application/problem+json", headers)


def _defect(error: Exception, name: str) -> Defect:
    log_fault(error, name)
    return Defect("internal", f"{name} failed; the log has the place")


def _sign_in(request: func.HttpRequest) -> func.HttpResponse:
    back = quote(urlsplit(request.url).path)
    location = f"{connections().settings.sign_in_path}?post_login_redirect_uri={back}"
    return func.HttpResponse(status_code=302, headers={"Location": location})


def _check_own_page(request: func.HttpRequest, public_url: str) -> None:
    """Only our own pages may send our forms: another site would use the cookie of whoever is signed in. Browsers say
    where a form comes from in ``Sec-Fetch-Site``, and older ones in ``Origin``; a request with neither is refused."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = {_origin(public_url), _origin(request.url)}
    if not (site == "same-origin" if site else origin in ours):
        raise Forbidden("cross-site", "forms are taken from the pages of this site only")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
