"""The payer's own record of a member id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from adapters.fhir.base import Page
from domain import fhir as elements
from domain.json import Resource
from domain.pas.member import PayerMatch, member_numbers, member_token, payer_match
from domain.pas.request import PasRequest


class Searches(Protocol):
    """What can search: a ``Fhir`` or a unit of work that remembers what it read."""

    async def search_page(self, resource_type: str, parameters: Mapping[str, str | Sequence[str]]) -> Page:
        """One page of matches."""
        ...


class Reads(Protocol):
    """What can search through all pages: a unit of work."""

    async def search(self, resource_type: str, parameters: Mapping[str, str | Sequence[str]]) -> tuple[Resource, ...]:
        """Every match."""
        ...


async def match_member(fhir: Searches, request: PasRequest, on: date, insurer: str) -> PayerMatch:
    """The match of the submitted member id.

    ``on`` is the first service date or the date of receipt; ``insurer`` the payer's own Organization (``Type/id``).
    """
    if not request.member_id:
        return PayerMatch(insurer=insurer)
    coverages, patients = await _members(fhir, request.member_id)
    return payer_match(coverages, patients, on=on, birth_date=request.birth_date, insurer=insurer)


async def matched_patient(fhir: Searches, member_id: str | None) -> str | None:
    """``Patient/<id>`` of the one member who carries ``member_id``, or ``None``."""
    if not member_id:
        return None
    _, patients = await _members(fhir, member_id)
    return f"Patient/{patients[0]['id']}" if len(patients) == 1 else None


async def own_coverages(fhir: Reads, patient: str) -> tuple[Resource, ...]:
    """The payer's own Coverages of ``patient`` (``Patient/<id>``). One that was submitted is never among them."""
    found = await fhir.search("Coverage", {"beneficiary": patient, "identifier": member_token()})
    return tuple(coverage for coverage in found if member_numbers(coverage))


async def _members(fhir: Searches, member_id: str) -> tuple[list[Resource], list[Resource]]:
    """The payer's Coverages that carry the id, and their beneficiaries.

    Servers read a token more loosely than it is written (white space, case): what they find is compared again.
    """
    query = {"identifier": member_token(member_id), "_include": "Coverage:beneficiary"}
    page = await fhir.search_page("Coverage", query)
    coverages = [each for each in page.matches if member_id in member_numbers(each)]
    members = {elements.reference(each.get("beneficiary")) for each in coverages}
    return coverages, [each for each in page.included if elements.name(each) in members]
