"""``python -m processes check|lint|draw``: the tool for the BPMN models."""

from __future__ import annotations

import argparse
import sys

from processes import FOLDER, files
from processes.check import problems
from processes.lint import NodeMissing, lint
from processes.picture import picture_of


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m processes", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check", help="the XML, the rules of BPMN and ours; needs nothing but Python")
    verbs.add_parser("lint", help="bpmnlint with the rules of Camunda 8.6; needs Node")
    verbs.add_parser("draw", help="the pictures in docs/images; needs Node and Chromium")
    verb = parser.parse_args(arguments).verb
    return {"check": _check, "lint": _lint, "draw": _draw}[verb]()


def _check() -> int:
    found = [f"{path.relative_to(FOLDER)}: {each}" for path in files() for each in problems(path)]
    print("\n".join(found) or f"{len(files())} models: nothing is wrong")
    return 1 if found else 0


def _lint() -> int:
    try:
        found = lint()
    except NodeMissing as error:
        print(error, file=sys.stderr)
        return 2
    print(found or f"{len(files())} models: nothing is wrong")
    return 1 if found else 0


def _draw() -> int:
    from processes.draw import draw  # a browser is needed for this verb alone

    for path in files():
        try:
            picture_of(path).write_bytes(draw(path))
        except (NodeMissing, FileNotFoundError, ValueError) as error:
            print(f"{path.relative_to(FOLDER)}: {error}", file=sys.stderr)
            return 2
        print(picture_of(path).relative_to(FOLDER.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
