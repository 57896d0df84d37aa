import gzip
import hashlib

import pytest
from meetup_stream.writing.packing import Packer

BODY = b"x" * 1_000


def packed(*bodies: bytes) -> tuple[str, bytes]:
    packer = Packer()
    for body in bodies:
        packer.add(body)
    assert packer.records == len(bodies)
    return packer.finish()


@pytest.mark.parametrize("count", [1, 261, 262, 263, 1_000], ids=lambda count: f"{count} kB")
def test_a_segment_holds_every_record_as_a_line_of_its_own_in_order(count: int) -> None:
    bodies = [BODY + b"%d" % number for number in range(count)]
    _, segment = packed(*bodies)
    assert gzip.decompress(segment) == b"".join(body + b"\n" for body in bodies)


def test_the_digest_is_that_of_the_lines_however_they_are_compressed() -> None:
    lines = b"".join([BODY + b"\n"] * 600)
    assert packed(*[BODY] * 600)[0] == hashlib.sha256(lines).hexdigest()[:32]


def test_the_same_records_are_the_same_bytes_whenever_they_are_packed() -> None:
    assert packed(*[BODY] * 600) == packed(*[BODY] * 600)
    assert packed(BODY)[1][4:8] == bytes(4), "gzip's header holds a time"
