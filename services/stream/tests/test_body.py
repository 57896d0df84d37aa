import io
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_stream.reading.body import Body, BrokenBody, ChunkDecoder, ChunkedBody, Receive

parts = st.lists(st.binary(min_size=1, max_size=40), max_size=12)


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def in_pieces(content: bytes, most: int) -> Receive:
    """A connection that gives at most so many bytes a read, and then ends."""
    return partial(io.BytesIO(content).read, most)


def all_of(body: Body) -> bytes:
    return b"".join(iter(body.read, None))


@given(parts, st.integers(1, 50))
def test_the_data_come_out_however_the_bytes_come_in(pieces: list[bytes], most: int) -> None:
    assert all_of(ChunkedBody(in_pieces(chunked(pieces), most))) == b"".join(pieces)


@given(parts, st.integers(1, 50), st.data())
def test_a_cut_body_is_never_taken_for_a_whole_one(pieces: list[bytes], most: int, data: st.DataObject) -> None:
    content = chunked(pieces)[:-4]  # without the last chunk's line end
    cut = content[: data.draw(st.integers(0, len(content) - 1))] if content else content
    body = ChunkedBody(in_pieces(cut, most))
    with pytest.raises(BrokenBody, match="ended"):
        all_of(body)


@pytest.mark.parametrize("size", [b"A", b"a", b"000a", b"a ", b"a;name=value", b'a;name="quoted"'])
def test_a_size_may_be_written_in_every_way_of_the_standard(size: bytes) -> None:
    assert ChunkDecoder().decode(size + b"\r\n0123456789\r\n") == b"0123456789"


@pytest.mark.parametrize(
    "line", [b"-5\r\n", b"+5\r\n", b"0x5\r\n", b"5_0\r\n", b"\r\n\r\n5\r\n", b"five\r\n", b"f" * 2000]
)
def test_what_is_no_size_breaks_the_body(line: bytes) -> None:
    with pytest.raises(BrokenBody, match="not the size"):
        all_of(ChunkedBody(in_pieces(line, 5000)))


def test_a_chunk_longer_than_its_size_breaks_the_body() -> None:
    body = ChunkedBody(in_pieces(b"3\r\nabcdef\r\n", 100))
    assert body.read() == b"abc"
    with pytest.raises(BrokenBody, match="not the size"):
        body.read()


def test_one_read_gives_all_the_chunks_in_it() -> None:
    assert ChunkedBody(in_pieces(chunked([b"one\n", b"two\n", b"three\n"]), 1000)).read() == b"one\ntwo\nthree\n"


def test_nothing_is_held_of_a_chunk_that_is_still_coming() -> None:
    decoder = ChunkDecoder()
    assert decoder.decode(b"ffffff\r\n" + b"x" * 100) == b"x" * 100
    assert decoder.decode(b"y" * 100) == b"y" * 100
