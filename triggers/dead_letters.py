"""Dead letters: ``GET /dead-letters``, redrive and discard. They tell where a record lies and why nobody took it, never
what it says; the record itself is read by whoever may read its topic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import azure.durable_functions as df
import azure.functions as func

from domain.errors import Malformed, NotFound, Problem
from domain.events.catalog import INCOMING, Topic
from domain.events.data import DeadLetter
from domain.principal import Role
from triggers.door import Call, answer, door
from triggers.lanes import Lanes
from triggers.letters import id_of
from triggers.listing import Filters, Listing, listing
from triggers.open_letters import open_letter, open_letters, position
from triggers.redrive import deal_with

LOG: Final = logging.getLogger("workflow.events")
FILTERS: Final[Filters] = {"topic": tuple(INCOMING)}
SORTS: Final = {"appended": "appended"}
blueprint = df.Blueprint()


@door(blueprint, "dead-letters", "GET", roles=(Role.OPERATOR, Role.AUDITOR))
async def list_dead_letters(call: Call) -> func.HttpResponse:
    """Open letters by ``topic``, those of the newest records first, paged by ``count`` and ``page``."""
    asked = listing(call.request.params, scope="dead-letters", filters=FILTERS, sorts=SORTS, sort="-appended")
    topics = [Topic(each) for each in asked.filters.get("topic", "").split(",") if each]
    letters = await open_letters(call.to, *topics)
    page, rest = _page(letters, asked)
    kept = await _first_offsets(call, {letter.topic for letter in page})
    parked = await asyncio.gather(*(_parked(call, letter) for letter in page))
    items = [
        {**_shown(letter), "gone": letter.offset < kept.get((letter.topic, letter.partition), 0), "parked": behind}
        for letter, behind in zip(page, parked, strict=True)
    ]
    return answer({"items": items, "total": len(letters), "next": _token(page[-1]) if rest else None})


@door(blueprint, "dead-letters/{id}/redrive", "POST", roles=(Role.OPERATOR,))
async def redrive_dead_letter(call: Call) -> func.HttpResponse:
    """Consume the record again, then those that wait behind it, in order."""
    return await _deal(call, discard=False)


@door(blueprint, "dead-letters/{id}/discard", "POST", roles=(Role.OPERATOR,))
async def discard_dead_letter(call: Call) -> func.HttpResponse:
    """Give the record up and consume those that wait behind it, in order."""
    return await _deal(call, discard=True)


async def _deal(call: Call, *, discard: bool) -> func.HttpResponse:
    letter = await open_letter(call.to, call.part("id"))
    name, verb = id_of(position(letter)), "discards" if discard else "redrives"
    LOG.info("%s %s the dead letter %s of %s", call.who.id, verb, name, position(letter))
    dealt = await deal_with(letter, call.to, call.instances, discard=discard)
    standing = "closed" if dealt.closed else "open"
    LOG.info("the dead letter %s is %s: %d handled, %d parked", name, standing, dealt.handled, dealt.parked)
    return answer(
        {
            "id": name,
            "letter": standing,
            "handled": dealt.handled,
            "parked": dealt.parked,
            "reason": dealt.reason,
            "next": dealt.successor,
        }
    )


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": id_of(position(letter)),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "appended": letter.appended_at.isoformat(),
        "reason": letter.reason,
        "places": letter.places,
        "lane": letter.lane,
    }


async def _parked(call: Call, letter: DeadLetter) -> int:
    """How many records wait in the lane of the letter."""
    return len((await Lanes(call.instances, letter.topic, letter.lane).look()).parked) if letter.lane else 0


async def _first_offsets(call: Call, topics: set[str]) -> dict[tuple[str, int], int]:
    """The first offset that retention left, by topic and partition."""
    found: dict[tuple[str, int], int] = {}
    for topic in topics:
        try:
            bounds = await call.to.log.bounds(topic)
        except NotFound:  # the topic was deleted: let the rest be seen
            continue
        found |= {(topic, partition): first for partition, (first, _) in bounds.items()}
    return found


def _page(letters: Sequence[DeadLetter], asked: Listing) -> tuple[list[DeadLetter], bool]:
    """The page that was asked for, and whether another follows."""
    down = asked.sort.startswith("-")
    ordered = sorted(letters, key=_place, reverse=down)
    if asked.token:
        last = _read_token(asked.token)
        ordered = [each for each in ordered if (_place(each) < last if down else _place(each) > last)]
    return ordered[: asked.count], len(ordered) > asked.count


def _place(letter: DeadLetter) -> tuple[datetime, str]:
    return letter.appended_at, id_of(position(letter))


def _token(letter: DeadLetter) -> str:
    return f"{letter.appended_at.isoformat()}|{id_of(position(letter))}"


def _read_token(token: str) -> tuple[datetime, str]:
    appended, _, name = token.partition("|")
    try:
        at = datetime.fromisoformat(appended)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Malformed([Problem(path="?page", text="Take what 'next' of the page before says.", code="value")])
    return at, name
