"""``/review``: the reviewers' pages, made on the server. They do what ``/tasks`` does, and show what a decision needs.

What is read for a page is audited as read by whoever looks at it.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import azure.durable_functions as df
import azure.functions as func

from domain.errors import Conflict, Forbidden, Malformed, NotFound, Problem, Rejected
from domain.principal import HEADER
from triggers import pages
from triggers.door import Call, Dialect, door
from triggers.listing import Listing, listing
from triggers.pages import case, form, words
from triggers.pages.queue import rows
from triggers.tasks import FILTERS, OPEN, REVIEWERS, SORTS, decide, give, read_review, review_query, review_work

STATUSES: Final = {
    OPEN: "Open",
    "requested": "Waiting",
    "in-progress": "Claimed",
    "completed": "Decided",
}
"""Values of the filter ``status`` with their labels."""
USUAL: Final = "20"
blueprint = df.Blueprint()


@door(blueprint, "review", "GET", roles=REVIEWERS, dialect=Dialect.PAGE)
async def review_queue(call: Call) -> func.HttpResponse:
    """Open reviews, the least remaining time first; filters ``queue`` and ``status``, paged by ``page``."""
    parameters = {"count": USUAL, **call.request.params}
    asked = listing(parameters, scope="review staff", filters=FILTERS, sorts=SORTS, sort="due")
    if asked.filters.get("status", OPEN) not in STATUSES:
        raise Malformed([Problem(path="?status", text="Choose one of the listed states.", code="value")])
    async with review_work(call, audit_reads=True) as work:
        found = await asked.find(work, "Task", review_query(asked))
        shown = await rows(work, found.matches)
    return pages.page(
        "queue.html",
        **_around(call),
        rows=shown,
        chosen=asked.filters,
        statuses=STATUSES,
        first=_link(asked, None) if asked.token else None,
        following=_link(asked, found.next) if found.next else None,
        zone=call.to.settings.plan_zone,
    )


@door(blueprint, "review/{id}", "GET", roles=REVIEWERS, dialect=Dialect.PAGE)
async def review_case(call: Call) -> func.HttpResponse:
    """One review: why it is here, its criteria beside their evidence, and the four decisions."""
    done = call.request.params.get("done", "")
    return await _show(call, notice=words.DONE.get(done))


@door(blueprint, "review/{id}/documents/{number}", "GET", roles=REVIEWERS, dialect=Dialect.PAGE)
async def review_document(call: Call) -> func.HttpResponse:
    """One document of the case as a file, by its number on the page."""
    async with review_work(call, audit_reads=True) as work:
        view = await case.view(work, await read_review(work, call.part("id")))
    number = call.part("number")
    document = view.documents[int(number)] if number.isdecimal() and int(number) < len(view.documents) else None
    if document is None or document.content is None:
        raise NotFound("document", "the case has no document of this number")
    return pages.download(document.content, document.kind, f"document-{number}")


@door(blueprint, "review/{id}/claim", "POST", roles=REVIEWERS, dialect=Dialect.PAGE)
async def review_claim(call: Call) -> func.HttpResponse:
    """The reviewer takes the case."""
    try:
        await give(call, call.part("id"), call.who.id, claim=True)
    except (Conflict, Forbidden) as error:
        return await _show(call, alert=error)
    return pages.see_other(f"/review/{call.part('id')}?done=claim#content")


@door(blueprint, "review/{id}/decision", "POST", roles=REVIEWERS, dialect=Dialect.PAGE)
async def review_decision(call: Call) -> func.HttpResponse:
    """One of the four forms. What is wrong with it is shown beside its fields, with everything that was entered."""
    fields = call.form
    try:
        body = form.checked(fields)
        await decide(call, call.part("id"), body)
    except (Malformed, Conflict, Forbidden) as error:
        return await _show(call, refused=(fields, error))
    return pages.see_other(f"/review/{call.part('id')}?done={body['decision']}#content")


async def _show(
    call: Call,
    *,
    notice: str | None = None,
    alert: Rejected | None = None,
    refused: tuple[form.Fields, Rejected] | None = None,
) -> func.HttpResponse:
    async with review_work(call, audit_reads=True) as work:
        view = await case.view(work, await read_review(work, call.part("id")))
    forms = form.fresh(view)
    sent = form.refused(*refused, view.claim) if refused else None
    if sent and sent.kind in forms:
        forms[sent.kind] = sent
    error = refused[1] if refused else alert
    return pages.page(
        "case.html",
        error.status if error else 200,
        **_around(call),
        view=view,
        forms=forms,
        sent=sent,
        notice=notice,
        alert=alert,
        obstacle=case.obstacle(view, call.who),
        adverse_obstacle=case.adverse_obstacle(call.who),
        zone=view.record.zone or call.to.settings.plan_zone,
    )


def _link(asked: Listing, token: str | None) -> str:
    return "/review?" + urlencode({**asked.filters, **({"page": token} if token else {})})


def _around(call: Call) -> dict[str, Any]:
    """What every page shows."""
    return {
        "me": call.who.id,
        "my_name": call.request.headers.get(f"{HEADER}-name") or call.who.id,
        "now": call.to.now().astimezone(ZoneInfo("UTC")),
    }
