"""Strict reading of JSON objects; cards are the long list of cases (test_card.py)."""

import pytest

from streamer.network.entries import CheckpointError, Entries


def test_nested_entries_are_named_by_their_whole_path() -> None:
    inner = Entries.parse(b'{"a": {"b": [{"c": "x"}]}}', "file").inner("a")
    with pytest.raises(CheckpointError, match=r"^file: a: b\[0\]: c is 'x', wanted a whole number from 0 up; "):
        inner.each("b", lambda items, key: items.inner(key).count("c"))


def test_values_of_the_right_type_are_handed_out() -> None:
    entries = Entries.parse(b'{"n": 3, "x": 0.5, "t": "hi", "l": [1, 2]}', "file")
    assert (entries.count("n"), entries.number("n"), entries.number("x"), entries.text("t")) == (3, 3.0, 0.5, "hi")
    assert entries.each("l", Entries.count) == (1, 2)
    assert entries.only(["n", "x", "t", "l"]) is entries
