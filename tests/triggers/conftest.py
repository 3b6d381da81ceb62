"""Fixtures of this folder."""

from tests.support.fixtures import door

__all__ = ["door"]
