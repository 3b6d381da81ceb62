"""A FHIR R4 server over HTTP: HAPI on one machine, Azure Health Data Services in production."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import uniform
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import httpx

from adapters.fhir.base import Entry, Page
from adapters.fhir.bundles import batch_of_reads, included, matches, stored, transaction_bundle
from adapters.fhir.pages import PageTokens
from adapters.fhir.references import is_literal, parse
from adapters.outage import Outage
from adapters.tracing import client_span
from domain.errors import Conflict, Defect, NotFound, Rejected, Unavailable
from domain.json import Resource

TokenProvider = Callable[[], Awaitable[str]]
"""Gives a bearer token that is still valid (SMART Backend Services, managed identity)."""

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_GONE: Final = {404, 410}
_CONFLICT: Final = {409, 412}
_REFUSED: Final = {400, 413, 422} | _CONFLICT
PAUSES: Final = (0.05, 0.15, 0.4, 1.0)
"""Seconds, half to one and a half times, before each further try of a transaction that conflicts with nothing that can
be seen: those that lost one race do not meet in the next."""
LOG: Final = logging.getLogger("workflow.fhir")


class HttpFhir:
    """``Fhir`` over one pooled HTTP client. It retries nothing (but what lost a race, a moment later): the callers back
    off in durable timers.

    ``page_key`` signs page tokens; processes that answer for each other share it (default: a random one).
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        token: TokenProvider | None = None,
        page_key: bytes | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._token = token
        self._pages = PageTokens(page_key)
        headers = {
            "Accept": "application/fhir+json",
            "Content-Type": "application/fhir+json",
            "Prefer": "return=representation",
        }
        self._client = httpx.AsyncClient(timeout=timeout, headers=headers, transport=transport, trust_env=False)
        self._outage = Outage("The FHIR server", "Cases wait and are tried again; new requests are answered with 503.")

    async def read(self, reference: str) -> Resource:
        """See ``Fhir.read``."""
        parse(reference)
        return await self._send("GET", reference)

    async def read_many(self, references: Sequence[str]) -> list[Resource | None]:
        """See ``Fhir.read_many``."""
        literal = [reference for reference in references if is_literal(reference)]
        if not literal:
            return [None] * len(references)
        answer = await self._send("POST", "", json=batch_of_reads(literal))
        found = dict(zip(literal, map(_read_entry, answer["entry"]), strict=True))
        return [found.get(reference) for reference in references]

    async def history(self, reference: str) -> list[Resource]:
        """See ``Fhir.history``."""
        versions: list[Resource] = []
        path: str | None = f"{parse(reference).current}/_history"
        while path is not None:
            bundle = await self._send("GET", path)
            versions += [entry["resource"] for entry in bundle.get("entry", []) if "resource" in entry]
            path = self._next(bundle)
        return versions

    async def search(self, resource_type: str, parameters: Mapping[str, str | Sequence[str]], scope: str = "") -> Page:
        """See ``Fhir.search``."""
        return self._page(await self._send("POST", f"{resource_type}/_search", form=parameters), scope)

    async def next_page(self, token: str, scope: str = "") -> Page:
        """See ``Fhir.next_page``. The parameters of the server's link are posted: none stands in a query string."""
        path, _, query = self._pages.open(token, scope).partition("?")
        if not path:
            return self._page(await self._send("GET", f"?{query}"), scope)
        form: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            form.setdefault(name, []).append(value)
        return self._page(await self._send("POST", f"{path.removesuffix('/_search')}/_search", form=form), scope)

    async def transaction(self, entries: Sequence[Entry]) -> list[Resource]:
        """See ``Fhir.transaction``."""
        response = await self._settled(entries)
        if response.status_code in _REFUSED:
            raise _refused(response, entries)
        answers = self._checked(response, "transaction").json()["entry"]
        return [stored(entry, answer) for entry, answer in zip(entries, answers, strict=True)]

    async def ready(self) -> None:
        """See ``Fhir.ready``."""
        response = await self._call("GET", "metadata")
        if response.status_code != 200:
            text = f"GET metadata was answered with HTTP {response.status_code}"
            raise self._outage.failed(Unavailable("fhir", text))

    async def aclose(self) -> None:
        """See ``Fhir.aclose``."""
        await self._client.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        json: Resource | None = None,
        form: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Resource:
        response = await self._call(method, path, json, form)
        resource: Resource = self._checked(response, f"{method} {path.partition('?')[0] or 'Bundle'}").json()
        return resource

    async def _call(
        self,
        method: str,
        path: str,
        json: Resource | None = None,
        form: Mapping[str, str | Sequence[str]] | None = None,
    ) -> httpx.Response:
        arguments: dict[str, Any] = {"json": json} if form is None else {"content": urlencode(form, doseq=True)}
        headers = {} if form is None else dict(_FORM)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {await self._token()}"
        separator = "/" if path and not path.startswith("?") else ""
        try:
            with client_span("fhir", f"{method} {path.partition('?')[0].partition('/')[0] or 'Bundle'}"):
                response = await self._client.request(
                    method, f"{self._base}{separator}{path}", headers=headers, follow_redirects=False, **arguments
                )
        except httpx.TransportError as error:
            text = f"the FHIR server does not answer ({type(error).__name__})"
            raise self._outage.failed(Unavailable("fhir", text)) from None
        if not _is_passing(response.status_code):
            self._outage.answered()
        return response

    def _checked(self, response: httpx.Response, what: str) -> httpx.Response:
        status = response.status_code
        if response.is_success:
            return response
        if _is_passing(status):
            raise self._outage.failed(Unavailable("fhir", f"{what} was answered with HTTP {status}"))
        if status in _GONE:
            raise NotFound("resource", f"{what}: no such resource")
        if status in _CONFLICT:
            raise Conflict("stale", f"{what}: changed meanwhile")
        raise Defect("fhir-refused", f"{what} was answered with HTTP {status} ({_issue_codes(response)})")

    async def _settled(self, entries: Sequence[Entry]) -> httpx.Response:
        """The answer to a transaction once it is no race: 409 may mean that a condition does not hold, that another
        transaction was in the way, or (HAPI, of a value that its tables can't hold) that the content is refused for
        good. Raises ``Conflict`` when a condition does not hold."""
        bundle = transaction_bundle(self._base, entries)
        for pause in (*PAUSES, None):
            response = await self._call("POST", "", json=bundle)
            if response.status_code not in _CONFLICT:
                break
            await self._check(entries)
            if pause is not None:
                await asyncio.sleep(pause * uniform(0.5, 1.5))
        return response

    async def _check(self, entries: Sequence[Entry]) -> None:
        """Raise ``Conflict`` where what exists contradicts a condition of ``entries``."""
        conditional = [entry for entry in entries if entry.if_none_exist or entry.if_match is not None]
        found = list(zip(conditional, await self.read_many([entry.url for entry in conditional]), strict=True))
        if any(entry.if_none_exist and resource for entry, resource in found):
            raise Conflict("exists", "a resource that shall be created exists")
        if any(entry.if_match not in (None, _version(resource)) for entry, resource in found):
            raise Conflict("stale", "a resource changed meanwhile; read it again")

    def _page(self, bundle: Resource, scope: str) -> Page:
        path = self._next(bundle)
        token = None if path is None else self._pages.seal(path, scope)
        return Page(matches(bundle), included(bundle), bundle.get("total"), token)

    def _next(self, bundle: Resource) -> str | None:
        """The next link, relative to the base. A link that leaves the base is refused: it is never followed."""
        url = next((link["url"] for link in bundle.get("link", []) if link.get("relation") == "next"), None)
        if url is None:
            return None
        path = str(url).removeprefix(self._base)
        if not str(url).startswith(self._base) or not path.startswith(("/", "?")):
            raise Defect("fhir-refused", "the server's paging link leaves its base URL")
        return path.removeprefix("/")


def _read_entry(entry: Resource) -> Resource | None:
    """What a batch answered to one read."""
    status = int(entry["response"]["status"][:3])
    if status in _GONE:
        return None
    if status == 200:
        resource: Resource = entry["resource"]
        return resource
    text = f"a read of a batch was answered with HTTP {status}"
    raise Unavailable("fhir", text) if _is_passing(status) else Defect("fhir-refused", text)


def _refused(response: httpx.Response, entries: Sequence[Entry]) -> Rejected:
    """Of the server's answer its codes, and of the content its types: texts and elements quote values."""
    status, codes = response.status_code, _issue_codes(response)
    types = ", ".join(sorted({entry.url.partition("/")[0].partition("?")[0] for entry in entries}))
    LOG.warning("The FHIR server refuses a transaction of %s: HTTP %d (%s)", types, status, codes)
    text = f"the FHIR server refuses the content with HTTP {status} ({codes}); correct it and send it again"
    return Rejected("fhir-refused", text)


def _version(resource: Resource | None) -> str | None:
    return None if resource is None else str(resource["meta"]["versionId"])


def _is_passing(status: int) -> bool:
    """Whether a failure may be gone at the next try."""
    return status >= 500 or status == 429


def _issue_codes(response: httpx.Response) -> str:
    """The codes of an OperationOutcome; its texts quote values and stay out of errors."""
    try:
        issues = response.json().get("issue", [])
        codes = {str(issue.get("code")) for issue in issues}
        return ", ".join(sorted(code for code in codes if re.fullmatch("[a-z-]{1,30}", code))) or "no issue code"
    except (ValueError, AttributeError):
        return "no OperationOutcome"
