"""Scalars in TensorBoard's event files, read without TensorBoard: protobuf messages between lengths and checksums.

Of the messages only what a scalar needs is read: Event {2: step, 5: Summary {1: Value {1: tag, 2: float, 8: Tensor}}}
and Tensor {1: type, 4: bytes, 5: floats, 6: doubles} (tensorboard/compat/proto: event, summary, tensor).
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PATTERN = "events.out.tfevents.*"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FLOAT, DOUBLE = 1, 2  # Tensor's types


def read_events(path: Path) -> dict[str, list[tuple[int, float]]]:
    """{tag: [(step, value), …]} of a file, as far as it goes: one that is still written may end in half a record.

    Raises ValueError for what is no event file.
    """
    scalars: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for message in _records(path.read_bytes()):
        event = list(_fields(message))
        step = next((value for number, value in event if number == 2 and isinstance(value, int)), 0)
        for summary in _inner(event, 5):
            for entry in _inner(list(_fields(summary)), 1):
                value = list(_fields(entry))
                scalar = _scalar(value)
                if scalar is not None:
                    tag = b"".join(_inner(value, 1)).decode("utf-8", errors="replace")
                    scalars[tag].append((step, scalar))
    return dict(scalars)


def _records(data: bytes) -> Iterator[bytes]:
    """The messages of a file: each 8 bytes of length, 4 of checksum, the message, 4 of checksum."""
    place = 0
    while place + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        if place == 0 and length > len(data):
            raise ValueError("no file of TensorBoard events")
        if place + 16 + length > len(data):
            return
        yield data[place + 12 : place + 12 + length]
        place += 16 + length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: (number, value); numbers of fixed width as their bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == BYTES:
            length, place = _varint(message, place)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}, which protobuf does not have")
        if place + length > len(message):
            raise ValueError("a message that is cut off")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A whole number of variable length, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        value |= (message[place] & 127) << shift
        place += 1
        if message[place - 1] < 128:
            return value, place
    raise ValueError("a number that does not end")


def _inner(fields: list[tuple[int, int | bytes]], number: int) -> list[bytes]:
    return [value for found, value in fields if found == number and isinstance(value, bytes)]


def _scalar(value: list[tuple[int, int | bytes]]) -> float | None:
    """The number in a Summary's Value, or None: it is a picture, a histogram, text."""
    for plain in _inner(value, 2):
        return _number("<f", plain)
    for message in _inner(value, 8):
        tensor = list(_fields(message))
        kind = next((entry for number, entry in tensor if number == 1 and isinstance(entry, int)), 0)
        if kind in (FLOAT, DOUBLE):
            layout, place = ("<f", 5) if kind == FLOAT else ("<d", 6)
            return _number(layout, b"".join(_inner(tensor, 4) or _inner(tensor, place)))
    return None


def _number(layout: str, data: bytes) -> float | None:
    return struct.unpack(layout, data)[0] if len(data) == struct.calcsize(layout) else None
