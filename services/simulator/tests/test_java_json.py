"""The text form of a record, against the protocol's words and against recorded traffic."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from meetupkit.java_json import bucket, encode, java_order

ENVELOPE = "next method total_count link count description lon title url id updated lat"
RSVP = "venue visibility response guests member rsvp_id mtime event group"
PHOTO = "photo_album highres_link photo_id member ctime mtime photo_link thumb_link"
VENUE = "zip country city phone address_1 name lon id state mtime lat"
FULL_VENUE = "zip country city address_1 address_2 address_3 lon mtime phone name id state lat"
PROBLEM = "details code problem"


@pytest.mark.parametrize("recorded", [ENVELOPE, RSVP, PHOTO, VENUE, FULL_VENUE, PROBLEM])
def test_keys_come_in_the_order_of_a_java_8_hash_map(recorded: str) -> None:
    keys = recorded.split()
    shuffled = sorted(keys, key=lambda key: (bucket(key, len(keys)) * 7919 % 101, keys.index(key)))
    assert java_order(tuple(shuffled)) == tuple(keys)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(item)


@pytest.mark.parametrize("file", ["rsvps_2017-03-19", "event_comments"])
def test_every_recorded_object_keeps_its_order_and_every_recorded_line_its_bytes(file: str, shared_data: Path) -> None:
    lines = gzip.decompress((shared_data / f"recorded/{file}.ndjson.gz").read_bytes()).split(b"\n")
    for line in filter(None, lines):
        value = json.loads(line)
        assert encode(value) == line
        for found in objects(value):
            backwards = tuple(sorted(found, key=lambda key: -bucket(key, len(found))))
            assert java_order(backwards) == tuple(found)


def test_a_slash_is_escaped_and_letters_are_raw() -> None:
    assert encode({"name": "Q/A “é” 🍕\u2028"}) == '{"name":"Q\\/A “é” 🍕\u2028"}'.encode()


def test_control_characters_and_quotes_are_escaped() -> None:
    assert encode({"name": 'a\nb\t"\\'}) == rb'{"name":"a\nb\t\"\\"}'


def test_a_whole_number_coordinate_is_an_integer() -> None:
    assert encode({"lat": 39.0}) == b'{"lat":39}'
    assert encode({"lat": 39.5}) == b'{"lat":39.5}'
