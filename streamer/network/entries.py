"""Strict reading of a JSON object: an unknown, missing or mistyped entry is refused by its full name."""

import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class CheckpointError(Exception):
    """A model cannot be used; the text is one plain sentence.

    streamer.errors.ModelError is what users see of it: this package imports nothing of the program.
    """


class Entries:
    """Typed access to one JSON object; `where` opens the sentence of every refusal."""

    def __init__(self, value: object, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            self.refuse(f"found {value!r:.40}, wanted a JSON object")
        self.values: dict[str, Any] = value

    @classmethod
    def parse(cls, text: bytes, where: str) -> "Entries":
        """Return the object that `text` holds."""
        try:
            return cls(json.loads(text), where)
        except (ValueError, RecursionError) as error:
            message = f"{where} is not JSON ({error!s:.80}); install or train the model again"
            raise CheckpointError(message) from error

    def refuse(self, what: str) -> NoReturn:
        """Raise CheckpointError that names this object."""
        message = f"{self.where}: {what}; install or train the model again"
        raise CheckpointError(message)

    def only(self, known: Collection[str]) -> "Entries":
        """Return self if every entry is known."""
        for key in self.values:
            if key not in known:
                self.refuse(f"entry {key!r:.40} is not known to this program")
        return self

    def inner(self, key: str) -> "Entries":
        """Return the object under `key`."""
        return Entries(self._value(key), f"{self.where}: {key}")

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return the text under `key`, of the form `pattern` if one is given."""
        value = self._value(key)
        if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
            wanted = "text" if pattern is None else f"text of the form {pattern.pattern}"
            self._refuse_type(key, value, wanted)
        return value

    def count(self, key: str, at_least: int = 0) -> int:
        """Return the whole number under `key`."""
        value = self._value(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            self._refuse_type(key, value, f"a whole number from {at_least} up")
        return value

    def number(self, key: str) -> float:
        """Return the finite number under `key`."""
        value = self._value(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            self._refuse_type(key, value, "a finite number")
        return float(value)

    def each(self, key: str, read: Callable[["Entries", str], T]) -> tuple[T, ...]:
        """Return what `read` makes of every item of the list under `key`."""
        value = self._value(key)
        if not isinstance(value, list):
            self._refuse_type(key, value, "a list")
        items = Entries({f"{key}[{i}]": item for i, item in enumerate(value)}, self.where)
        return tuple(read(items, item_key) for item_key in items.values)

    def _value(self, key: str) -> Any:  # noqa: ANN401  JSON holds anything; every caller checks
        if key not in self.values:
            self.refuse(f"entry {key!r} is missing")
        return self.values[key]

    def _refuse_type(self, key: str, value: object, wanted: str) -> NoReturn:
        self.refuse(f"{key} is {value!r:.60}, wanted {wanted}")
