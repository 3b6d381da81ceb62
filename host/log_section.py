"""``logging`` of host.json: one level for all; the categories of Azure's own host are not told apart.

https://learn.microsoft.com/azure/azure-functions/configure-monitoring#configure-log-levels
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from host.section import Section

LogLevel = Literal["trace", "debug", "information", "warning", "error", "critical", "none"]
_NAMES: dict[LogLevel, str] = {
    "trace": "debug",
    "debug": "debug",
    "information": "info",
    "warning": "warning",
    "error": "error",
    "critical": "critical",
    "none": "none",
}


class LogLevelSection(Section):
    """``logging.logLevel``."""

    default: LogLevel = "information"


class LoggingSection(Section):
    """``logging``."""

    level: LogLevelSection = Field(default_factory=lambda: LogLevelSection.model_validate({}), alias="logLevel")

    @property
    def name(self) -> str:
        """The level as ``host.logs`` calls it."""
        return _NAMES[self.level.default]
