"""Whether a case went as its model says (token replay), where its tokens stand and which way they took.

The model is executed with the routing variables of the steps, so it must not only allow the next step but ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from domain.process.model import DUE, Element, Model
from domain.process.routing import INITIAL
from domain.process.seen import Seen, What
from domain.process.tokens import Deviation, Game, Stands, Token


@dataclass(frozen=True, slots=True)
class Walk:
    """What became of a replay."""

    path: tuple[str, ...]
    """Ids of the elements and flows that were passed, in order: what Camunda shows of the instance."""
    tokens: tuple[Token, ...]
    """Where the instance stands."""
    ended: bool
    """The process is over."""
    deviation: str | None
    """Where case and model part; what follows would only be a consequence."""


def deviations(steps: Iterable[Seen], model: Model) -> list[str]:
    """Where a case does not fit ``model``: [] or one sentence, with ids of elements and no values."""
    found = walk(steps, model).deviation
    return [found] if found else []


def walk(steps: Iterable[Seen], model: Model) -> Walk:
    """Replay ``steps`` as tokens over ``model``."""
    replay = _Replay(model)
    deviation = None
    try:
        for one in steps:
            replay.see(one)
    except Deviation as found:
        deviation = str(found)
    game = replay.game
    return Walk(tuple(game.path), tuple(game.tokens), game.ended, deviation)


class _Replay:
    def __init__(self, model: Model) -> None:
        self.game = Game.begin(model, INITIAL)
        self._raised: list[str] = []
        """Durable events that no element has taken yet."""

    def see(self, one: Seen) -> None:
        match one.what:
            case What.STARTED:
                self._started(one.step)
            case What.COMPLETED:
                self._running(one)
                self.game.variables |= one.variables
                self.game.leave(Token(one.step, Stands.RUNNING))
            case What.FAILED:
                self._running(one)
                self.game.turn(one.step, Stands.RUNNING, Stands.FAILED)
            case What.WAITS:
                if not self.game.has(one.step, Stands.READY):
                    raise Deviation(f"the case waits at {one.step}; {self._where()}")
            case What.EVENT:
                self._raised.append(one.step)
            case What.ENDED:
                if not self.game.ended:
                    raise Deviation(f"the case ended; {self._where()}")

    def _running(self, one: Seen) -> None:
        if not self.game.has(one.step, Stands.RUNNING):
            raise Deviation(f"{one.step} {one.what}, and was not running; {self._where()}")

    def _started(self, step: str) -> None:
        """A try: of what failed before, of what is next, or of what an event begins."""
        for stood in (Stands.FAILED, Stands.READY):
            if self.game.has(step, stood):
                self.game.turn(step, stood, Stands.RUNNING)
                return
        for game, event in self._occurrences(step):
            if game.has(step, Stands.READY):
                self.game = game
                if event in self._raised:
                    self._raised.remove(event)
                self.game.turn(step, Stands.READY, Stands.RUNNING)
                return
        raise Deviation(f"{step} started; {self._where()}")

    def _occurrences(self, step: str) -> Iterator[tuple[Game, str]]:
        """What may occur before ``step``: a wait ends or a boundary event fires. Timers last: they leave no trace."""
        for token in dict.fromkeys(self.game.tokens):
            element = self.game.model.elements[token.element]
            if element.event == "message" or element.kind == "userTask":
                yield from self._try(element, token, step)
            for boundary in self.game.model.attached(element.id):
                if boundary.event == "message":
                    yield from self._try(boundary, token, step)
        for token in dict.fromkeys(self.game.tokens):
            for boundary in self.game.model.attached(token.element):
                if boundary.event == "timer":
                    yield from self._fired(boundary, token, "")

    def _try(self, element: Element, token: Token, step: str) -> Iterator[tuple[Game, str]]:
        event = str(element.code)
        if event in self._raised or event == step + DUE:
            yield from self._fired(element, token, event)

    def _fired(self, element: Element, token: Token, event: str) -> Iterator[tuple[Game, str]]:
        game = self.game.copy()
        try:
            game.fire(element, token) if element.host else game.leave(token)
        except Deviation:
            return
        yield game, event

    def _where(self) -> str:
        stand: Sequence[str] = [f"{t.element} ({t.stands})" for t in self.game.tokens]
        return f"the model stands at {', '.join(stand)}" if stand else "the model has ended"
