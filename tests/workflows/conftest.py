"""Fixtures of this folder."""

from tests.support.fixtures import app, compat

__all__ = ["app", "compat"]
