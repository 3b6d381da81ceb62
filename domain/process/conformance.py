"""Whether a case went as its model says (token replay), where its tokens stand and which way they took.

The model is executed with the routing variables of the steps, so it must not only allow the next step but ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.process.model import DUE, Element, Model
from domain.process.moves import Kind, Move
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
    untaken: tuple[str, ...]
    """Durable events that nothing in the model took: they came too late, or the model does not know them."""
    moves: tuple[Move, ...]
    """What moved the tokens, up to the first deviation."""


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
    return Walk(tuple(game.path), tuple(game.tokens), game.ended, deviation, tuple(replay.raised), tuple(replay.moves))


def stages(steps: Iterable[Seen], model: Model) -> Iterator[tuple[Token, ...]]:
    """Where the tokens stand after each of ``steps``. Raises ``Deviation`` where case and model part."""
    replay = _Replay(model)
    for one in steps:
        replay.see(one)
        yield tuple(replay.game.tokens)


class _Replay:
    def __init__(self, model: Model) -> None:
        self.game = Game.begin(model, INITIAL)
        self.raised: list[str] = []
        """Durable events that no element has taken yet."""
        self.moves: list[Move] = []

    def see(self, one: Seen) -> None:
        match one.what:
            case What.STARTED:
                ready = self._begun(one)
                self.game.turn(ready, Token(one.step, Stands.RUNNING, one.aside))
            case What.COMPLETED:
                running = self._running(one)
                self.game.variables |= one.variables
                self.game.leave(running)
                self.moves.append(Move(Kind.JOB, one.step, variables=one.variables))
            case What.FAILED:
                self.game.turn(self._running(one), Token(one.step, Stands.FAILED, one.aside))
            case What.WAITS:
                if self.game.tokens.count(Token(one.step)) != 1:
                    raise Deviation(f"the case waits at {one.step}; {self._where()}")
            case What.EVENT:
                self.raised.append(one.step)
            case What.ENDED:
                if not self.game.ended:
                    raise Deviation(f"the case ended; {self._where()}")
                self.moves.append(Move(Kind.END))

    def _running(self, one: Seen) -> Token:
        token = Token(one.step, Stands.RUNNING, one.aside)
        if token not in self.game.tokens:
            raise Deviation(f"{one.step} {one.what}, and was not running; {self._where()}")
        return token

    def _begun(self, one: Seen) -> Token:
        """The token of a try: what failed before, what is next, or what an event begins."""
        failed, ready = Token(one.step, Stands.FAILED, one.aside), Token(one.step)
        if failed in self.game.tokens:
            return failed
        if ready in self.game.tokens and not one.aside:
            return ready
        for game, event, move in self._occurrences(one):
            if ready in game.tokens:
                self.game = game
                self.moves.append(move)
                if event in self.raised:
                    self.raised.remove(event)
                return ready
        raise Deviation(f"{one.step} started; {self._where()}")

    def _occurrences(self, one: Seen) -> Iterator[tuple[Game, str, Move]]:
        """What may occur before the step: a wait ends or a boundary event fires. Timers last: they leave no trace, and
        fire at no wait whose event has come."""
        events = {one.step + DUE} if one.aside else set(self.raised)
        elements, stand = self.game.model.elements, dict.fromkeys(self.game.tokens)
        for token in stand:
            for each in (elements[token.element], *self.game.model.attached(token.element)):
                if each.code in events:
                    yield from self._fired(each, token, str(each.code))
        for token in stand if not one.aside else ():
            for each in self.game.model.attached(token.element):
                if each.event == "timer" and elements[token.element].code not in self.raised:
                    yield from self._fired(each, token, "")

    def _fired(self, element: Element, token: Token, event: str) -> Iterator[tuple[Game, str, Move]]:
        game = self.game.copy()
        try:
            game.fire(element, token) if element.host else game.leave(token)
        except Deviation:
            return
        yield game, event, self._move(element, token)

    def _move(self, element: Element, token: Token) -> Move:
        task = str(self.game.variables.get("task") or "")
        if element.event == "timer":
            target = next((flow.target for flow in self.game.model.leaving(element.id)), "")
            return Move(Kind.TIMER, token.element, element.id, task, target)
        kind = Kind.TASK if element.kind == "userTask" else Kind.MESSAGE
        return Move(kind, token.element, str(element.code), task, leaves=not element.host or element.interrupting)

    def _where(self) -> str:
        stand = [f"{t.element} ({t.stands})" for t in self.game.tokens]
        return f"the model stands at {', '.join(stand)}" if stand else "the model has ended"
