"""What a FHIR Binary holds: the claim that an event is checked in with.

https://hl7.org/fhir/R4/binary.html
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from domain import fhir
from domain.errors import Malformed, NotFound, Problem, TooLarge
from domain.json import Resource

CONTENT_TYPES: Final = frozenset({"application/fhir+json", "application/json"})


def content(binary: Resource | None, owner: str, most: int) -> bytes:
    """The bytes of ``binary``, at most ``most``.

    ``owner`` (``Type/id``) is what its ``securityContext`` must name: else whoever sends an event could hand in what
    another wrote. One of somebody else is not found, as one that does not exist: ``NotFound('reference')``. Raises
    ``Malformed('content-type'|'no-data')`` and ``TooLarge('body')``.
    """
    if binary is None or fhir.reference(binary.get("securityContext")) != owner:
        raise NotFound("reference", "there is no Binary of this id whose securityContext names whom it belongs to")
    kind = str(binary.get("contentType", "")).partition(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise _malformed("contentType", "The content must be application/fhir+json.", "content-type")
    data = binary.get("data")
    if not isinstance(data, str) or not data.strip():
        raise _malformed("data", "The Binary holds no data.", "no-data")
    if len(data) > 2 * most:  # four characters hold three bytes; what is left is white space
        raise TooLarge("body", f"send at most {most} bytes")
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("data", "The data are not base64.", "no-data") from None


def _malformed(element: str, text: str, code: str) -> Malformed:
    return Malformed([Problem(path=f"Binary.{element}", text=text, code="value")], code)
