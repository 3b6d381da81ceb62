"""The local stack: starts the real servers that the engine talks to, on one machine.

``stack.up()`` and ``stack.down()`` are what ``python -m stack start`` and ``stop`` do.
"""

from stack.lifecycle import Servers, State, down, status, up
from stack.options import Options, StackError, ToolMissing

__all__ = ["Options", "Servers", "StackError", "State", "ToolMissing", "down", "status", "up"]
