import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_stream.body import BrokenBody, ChunkDecoder, ChunkedBody

parts = st.lists(st.binary(min_size=1, max_size=40), max_size=12)


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Dribble(io.BytesIO):
    """A file that gives at most so many bytes a read, as a socket may."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(self._most if size is None or size < 0 else min(size, self._most))


def all_of(body: ChunkedBody) -> bytes:
    return b"".join(iter(body.read, b""))


@given(parts, st.integers(1, 50))
def test_the_data_come_out_however_the_bytes_come_in(pieces: list[bytes], most: int) -> None:
    assert all_of(ChunkedBody(Dribble(chunked(pieces), most))) == b"".join(pieces)


@given(parts, st.integers(1, 50), st.data())
def test_a_cut_body_is_never_taken_for_a_whole_one(pieces: list[bytes], most: int, data: st.DataObject) -> None:
    content = chunked(pieces)[:-4]  # without the last chunk's line end
    cut = content[: data.draw(st.integers(0, len(content) - 1))] if content else content
    body = ChunkedBody(Dribble(cut, most))
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
        ChunkDecoder().decode(line)


def test_a_chunk_longer_than_its_size_breaks_the_body() -> None:
    with pytest.raises(BrokenBody, match="not the size"):
        ChunkDecoder().decode(b"3\r\nabcdef\r\n")


def test_one_read_gives_all_the_chunks_in_it() -> None:
    assert ChunkedBody(io.BytesIO(chunked([b"one\n", b"two\n", b"three\n"]))).read() == b"one\ntwo\nthree\n"


def test_nothing_is_held_of_a_chunk_that_is_still_coming() -> None:
    decoder = ChunkDecoder()
    assert decoder.decode(b"ffffff\r\n" + b"x" * 100) == b"x" * 100
    assert decoder.decode(b"y" * 100) == b"y" * 100
