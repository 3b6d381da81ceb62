"""The token game: where the tokens of a process stand, and how they move (BPMN 2.0.2, chapter 13).

Only what the models use. Gateways and events that occur by themselves move on at once, as in Zeebe, and so do decisions
that it makes itself; a job, a wait or an event at a boundary moves when it is told to. Loops need no bound: each passes
through a job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from domain.process.conditions import Value
from domain.process.model import WAITS, Element, Model


class Stands(StrEnum):
    """How a token stands at its element."""

    READY = "ready"
    RUNNING = "running"
    FAILED = "failed"
    """Its last try was in vain: an incident in Camunda."""


class Deviation(Exception):
    """The case went where the model has no way. The text names elements, never values."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token."""

    element: str
    stands: Stands = Stands.READY
    aside: bool = False
    """It was begun on the way, and ends where its step does."""


@dataclass
class Game:
    """One instance of a model."""

    model: Model
    variables: dict[str, Value]
    tokens: list[Token] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    """Sub-processes that were entered and not left."""
    path: list[str] = field(default_factory=list)
    """Elements and flows that were passed, in order; an element when it is reached."""
    ended: bool = False
    _coming: deque[str] = field(default_factory=deque)
    """Elements that tokens are about to reach."""

    @classmethod
    def begin(cls, model: Model, variables: Mapping[str, Value]) -> Game:
        """A new instance: the token stands before the first step."""
        game = cls(model, dict(variables))
        game._settle([model.start.id])
        return game

    def copy(self) -> Game:
        """An instance to try something with."""
        return replace(
            self,
            variables=dict(self.variables),
            tokens=list(self.tokens),
            open=list(self.open),
            path=list(self.path),
            _coming=deque(),
        )

    def turn(self, was: Token, now: Token) -> None:
        """Let a token stand otherwise."""
        self.tokens[self.tokens.index(was)] = now

    def leave(self, token: Token) -> None:
        """``token`` is done with its element and goes on."""
        self.tokens.remove(token)
        left = len(self.tokens)
        self._settle(self._out(token.element))
        if token.aside and len(self.tokens) != left:
            raise Deviation(f"{token.element} was begun on the way, and the model goes on from it")

    def fire(self, boundary: Element, token: Token) -> None:
        """The boundary event of the element of ``token`` occurs."""
        if boundary.interrupting:
            self.tokens.remove(token)
        self.path.append(boundary.id)
        self._settle(self._out(boundary.id))

    def jump(self, token: Token, element: str) -> None:
        """``token`` leaves its element and enters ``element``, whatever the flows say: a modification."""
        self.tokens.remove(token)
        self._settle([element])

    # -- moves that nobody sees -------------------------------------------------------------------------------------

    def _settle(self, arrivals: list[str]) -> None:
        self._coming.extend(arrivals)
        while self._coming or (over := self._over()) is not None:
            if self._coming:
                self._coming.extend(self._arrive(self.model.elements[self._coming.popleft()]))
            else:
                self.open.remove(str(over))
                self._coming.extend(self._out(str(over)))
        self.ended = not self.tokens

    def _over(self) -> str | None:
        """A sub-process that is open and has no token any more."""
        return next((each for each in reversed(self.open) if not any(self._tokens(each))), None)

    def _tokens(self, scope: str | None) -> Iterator[Token]:
        return (t for t in self.tokens if scope is None or self.model.within(t.element, scope))

    def _arrive(self, element: Element) -> list[str]:
        """The elements that are reached next."""
        self.path.append(element.id)
        match element.kind:
            case "exclusiveGateway":
                return self._pass(self._choice(element))
            case "subProcess":
                if element.id in self.open:
                    raise Deviation(f"{element.id} is entered while it is open")
                self.open.append(element.id)
                return [self.model.start_of(element.id).id]
            case "endEvent":
                return self._end(element)
            case "startEvent" | "parallelGateway" | "boundaryEvent":
                return self._out(element.id)
            case "intermediateThrowEvent":
                return [*self._caught(element), *self._out(element.id)]
            case _ if element.decision is not None:
                return self._out(element.id)
            case _:
                self.tokens.append(Token(element.id))
                return []

    def _out(self, element: str) -> list[str]:
        return [target for flow in self.model.leaving(element) for target in self._pass(flow.id)]

    def _pass(self, flow: str) -> list[str]:
        self.path.append(flow)
        return [self.model.flows[flow].target]

    def _choice(self, gateway: Element) -> str:
        for flow in self.model.leaving(gateway.id):
            if flow.condition is not None and flow.condition.holds(self.variables):
                return flow.id
            if flow.condition is None and flow.id != gateway.default:
                return flow.id
        if gateway.default is None:
            raise Deviation(f"no condition of {gateway.id} holds")
        return gateway.default

    def _caught(self, element: Element) -> list[str]:
        """What catches the escalation of an event, which interrupts nothing; nothing has to."""
        attached = self.model.attached(element.scope or "")
        return [e.id for e in attached if (e.event, e.code) == ("escalation", element.code)]

    def _end(self, element: Element) -> list[str]:
        if element.event == "terminate":
            self._clear(element.scope, element.id)
        if element.event != "error":
            return []
        scope = element.scope or ""
        catcher = next((e for e in self.model.attached(scope) if e.event == "error" and e.code == element.code), None)
        if catcher is None:
            raise Deviation(f"nothing catches the error of {element.id}")
        self._clear(scope, element.id)
        self.open.remove(scope)
        return [catcher.id]

    def _clear(self, scope: str | None, by: str) -> None:
        """Remove what is left in a scope: waits, and tries in vain. A step that is to come may not be lost."""
        for token in list(self._tokens(scope)):
            if token.stands is not Stands.FAILED and self.model.elements[token.element].kind not in WAITS:
                raise Deviation(f"{by} is reached while {token.element} is {token.stands}")
            self.tokens.remove(token)
        for coming in self._coming:
            if scope is None or self.model.within(coming, scope):
                raise Deviation(f"{by} is reached together with {coming}")
