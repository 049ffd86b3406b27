"""Reads files that people hand in: their bytes or their text, or one clear error."""

from __future__ import annotations

from pathlib import Path

from budget.errors import Fault, InvalidInput

MOST_BYTES = 500_000_000


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file of at most so many bytes. Raises InvalidInput."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        found = getattr(error, "strerror", None) or str(error)
        raise InvalidInput((Fault(str(path), "", found, "a file that can be read", "check the path"),)) from None
    if len(raw) > most:
        raise InvalidInput((Fault(str(path), "", f"more than {most:,} bytes", f"at most {most:,} bytes"),))
    return raw


def read_text(path: str | Path, most: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, with or without a byte order mark. Raises InvalidInput with line and column."""
    raw = read_bytes(path, most)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        found = f"byte 0x{raw[error.start]:02x}, which is not UTF-8"
        fault = Fault(f"{path}:{line}:{column}", "", found, "UTF-8 text", "save the file as UTF-8")
        raise InvalidInput((fault,)) from None
