"""The body of an HTTP response as text, decoded as ``HttpContent.ReadAsStringAsync`` of .NET does.

https://learn.microsoft.com/dotnet/api/system.net.http.httpcontent.readasstringasync
"""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""


def decoded(body: bytes, charset: str | None) -> str:
    """``charset`` of the content type, else the byte order mark's, else UTF-8; what does not fit becomes U+FFFD.

    Raises:
        LookupError: There is no such charset.
    """
    if charset is None:
        mark, charset = next(((mark, name) for mark, name in _MARKS if body.startswith(mark)), (b"", "utf-8"))
        return body[len(mark) :].decode(charset, "replace")
    try:
        return body.decode(charset.strip("\"'"), "replace").removeprefix("\ufeff")
    except UnicodeError as error:  # a codec of names, not of texts
        raise LookupError(charset) from error
