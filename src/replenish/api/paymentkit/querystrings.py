"""Query strings as the client's library (npm's `qs`) reads them: brackets nest, indexes make lists, names repeat.

Its signature covers the parsed query, so ours has to come out the same. Pure.
"""

import re
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import unquote_plus

Query = dict[str, object]

_PARAMETERS_MAX: Final = 1000
_DEPTH_MAX: Final = 5
_INDEX_MAX: Final = 20
_SEGMENT: Final = re.compile(r"\[([^\[\]]*)\]")


def parse(text: str) -> Query:
    """`a[b]=1&c=2&c=3` is {"a": {"b": "1"}, "c": ["2", "3"]}; values are text, `null` comes as an empty one."""
    root: Query = {}
    for part in text.split("&")[:_PARAMETERS_MAX]:
        if not part:
            continue
        # As `qs`: the sign after a closing bracket is the one that counts, so that names may hold others.
        closing = part.find("]=")
        place = closing + 1 if closing >= 0 else part.find("=")
        name, value = (part, "") if place < 0 else (part[:place], part[place + 1 :])
        name = unquote_plus(name)
        if name:
            _put(root, _path(name), unquote_plus(value))
    return cast("Query", _lists(root))


def _path(name: str) -> list[str]:
    first = name.find("[")
    if first <= 0:
        return [name]
    head, rest = name[:first], name[first:]
    segments: list[str] = []
    place = 0
    while len(segments) < _DEPTH_MAX:
        match = _SEGMENT.match(rest, place)
        if match is None:
            break
        segments.append(match[1])
        place = match.end()
    if place < len(rest) and segments and rest[place:].startswith("["):
        segments.append(rest[place:])
    return [head, *segments]


def _put(root: Query, path: Sequence[str], value: str) -> None:
    node = root
    for segment in path[:-1]:
        key = segment or str(len(node))
        below = node.get(key)
        if not isinstance(below, dict):
            below = {} if below is None else {"0": below}
            node[key] = below
        node = cast("Query", below)
    last = path[-1] or str(len(node))
    if last in node:
        known = node[last]
        node[last] = [*cast("list[object]", known), value] if isinstance(known, list) else [known, value]
    else:
        node[last] = value


def _lists(node: object, *, top: bool = True) -> object:
    """Whatever has only small indexes for names is a list."""
    if not isinstance(node, dict):
        return node
    made = {key: _lists(each, top=False) for key, each in cast("Query", node).items()}
    if not top and made and all(_is_index(key) for key in made):
        return [made[key] for key in sorted(made, key=int)]
    return made


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 2 and int(key) <= _INDEX_MAX
