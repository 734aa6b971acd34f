"""Decode the chunked transfer coding of request bodies."""

from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import CLASSES, IN_QUOTES, IN_TEXT, IN_TOKEN, RequestError, bad_request

__all__ = ["ChunkDecoder"]

# The states: what the next byte belongs to.
SIZE, EXTENSION_START, EXTENSION, VALUE_START, VALUE, QUOTED, ESCAPED, QUOTED_END = 0, 1, 2, 3, 4, 5, 6, 7
DATA, FIELD_START, FIELD_NAME, FIELD_VALUE = 8, 9, 10, 11
# States after a CR: what the LF ends. The data of a chunk has a CR of its own.
SIZE_LINE, DATA_END, DATA_LINE, FIELD_LINE, TRAILERS = 12, 13, 14, 15, 16
DONE = 17
# For each state, the class of the bytes that do not change it.
RUNS = bytes((0, 0, IN_TOKEN, 0, IN_TOKEN, IN_QUOTES, 0, 0, 0, 0, IN_TOKEN, IN_TEXT, 0, 0, 0, 0, 0, 0))

MOST_DIGITS = 16
# The limit of a body without a limit: the largest signed integer of 64 bits.
UNLIMITED = (1 << 63) - 1


class ChunkDecoder:
    """Decode one body, in any number of pieces; the pieces change neither the outcome nor the cost.

    The grammar is that of RFC 9112 7.1, without the white space in extensions that only recipients must accept.
    Extensions and trailer fields are checked and dropped.

    `left` is the number of bytes that the current chunk lacks, `done` says whether the body has ended, and `position`
    is where the last call of `decode` stopped in its data.
    """

    __slots__ = (
        "_digits",
        "_error",
        "_limits",
        "_name",
        "_room",
        "_size",
        "_state",
        "_total",
        "done",
        "left",
        "position",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # The error that the next call raises.
        self._error: RequestError | None = None
        self._state = SIZE
        # The value of the digits of the chunk size so far, and their count.
        self._size = self._digits = 0
        # How many more bytes of extensions or trailer fields are allowed.
        self._room = 0
        # How many more bytes the body may have.
        self._total = UNLIMITED if limits.body is None else min(limits.body, UNLIMITED)
        # The name of the current trailer field, as far as it was received.
        self._name = bytearray()
        self.left: int = 0
        self.done: bool = False
        self.position: int = 0

    def decode(self, data: bytes, start: int, view: memoryview) -> int:
        """Decode `data` from `start` into `view`; return the number of bytes.

        The call ends when the data, the view or the body ends. Raise RequestError for an invalid byte. If valid bytes
        precede it, the call returns them and the next call raises.
        """
        if self._error is not None:
            raise self._error
        self.position = start
        found = 0
        room = len(view)
        size = len(data)
        while self.position < size and not self.done:
            if self._state == DATA:
                count = min(self.left, room - found, size - self.position)
                if count == 0:
                    break
                view[found : found + count] = data[self.position : self.position + count]
                found += count
                self.position += count
                self.take(count)
                continue
            try:
                self._frame(data)
            except RequestError as error:
                if not found:
                    raise
                self._error = error
                break
        return found

    def take(self, count: int) -> None:
        """Record that the next `count` bytes of the current chunk, at most `left`, were received."""
        self.left -= count
        if self.left == 0:
            self._state = DATA_END

    def _frame(self, data: bytes) -> None:
        """Read from `position` the bytes between the data of two chunks."""
        raw = data
        classes = CLASSES
        size = len(data)
        position = self.position
        while position < size and self._state != DATA and self._state != DONE:
            run = RUNS[self._state]
            begin = position
            stop = min(size, begin + self._room)
            while position < stop and classes[raw[position]] & run:
                position += 1
            self._room -= position - begin
            if self._state == FIELD_NAME:
                self._name += data[begin:position]
            if position < size:
                self._state = self._step(raw[position])
                position += 1
        self.position = position

    def _step(self, byte: int) -> int:
        """Return the state after a byte that ends a run or is a run of its own."""
        state = self._state
        if state == SIZE:
            return self._step_in_size(byte)
        if state >= SIZE_LINE:
            return self._step_in_line_end(state, byte)
        if state >= FIELD_START:
            return self._step_in_trailers(state, byte)
        return self._step_in_extension(state, byte)

    def _step_in_size(self, byte: int) -> int:
        digit = _value_of(byte)
        if digit >= 0:
            self._digits += 1
            if self._digits > MOST_DIGITS:
                raise bad_request("chunk size with too many digits")
            self._size = self._size << 4 | digit
            return SIZE
        if self._digits == 0:
            raise bad_request("chunk without a size")
        if byte == 0x3B:
            self._room = self._limits.chunk_extension
            self._spend()
            return EXTENSION_START
        if byte == 0x0D:
            return SIZE_LINE
        raise bad_request("malformed chunk size")

    def _step_in_extension(self, state: int, byte: int) -> int:
        if byte == 0x0D and (state in (EXTENSION, VALUE, QUOTED_END)):
            return SIZE_LINE
        self._spend()
        if byte == 0x3B and (state in (EXTENSION, VALUE, QUOTED_END)):
            return EXTENSION_START
        kinds = CLASSES[byte]
        if state == EXTENSION_START and kinds & IN_TOKEN:
            return EXTENSION
        if state == EXTENSION and byte == 0x3D:
            return VALUE_START
        if state == VALUE_START:
            if byte == 0x22:
                return QUOTED
            if kinds & IN_TOKEN:
                return VALUE
        if state == QUOTED:
            if byte == 0x22:
                return QUOTED_END
            if byte == 0x5C:
                return ESCAPED
        if state == ESCAPED and kinds & IN_TEXT:
            return QUOTED
        raise bad_request("malformed chunk extension")

    def _step_in_trailers(self, state: int, byte: int) -> int:
        if byte == 0x0D and state != FIELD_NAME:
            return TRAILERS if state == FIELD_START else FIELD_LINE
        self._spend()
        if state == FIELD_START and CLASSES[byte] & IN_TOKEN:
            self._name = bytearray((byte,))
            return FIELD_NAME
        if state == FIELD_NAME and byte == 0x3A:
            if bytes(self._name).lower() in (b"content-length", b"transfer-encoding"):
                # RFC 9110 6.5.1 forbids these fields here; only attacks on proxies send them.
                raise bad_request("trailer field that changes the framing")
            return FIELD_VALUE
        raise bad_request("malformed trailer field")

    def _step_in_line_end(self, state: int, byte: int) -> int:
        if state == DATA_END and byte == 0x0D:
            return DATA_LINE
        if byte != 0x0A or state == DATA_END:
            what = "chunk" if state in (DATA_END, DATA_LINE) else "line in a chunked body"
            raise bad_request(f"{what} that does not end in CRLF")
        if state == SIZE_LINE:
            return self._begin_chunk()
        if state == DATA_LINE:
            return SIZE
        if state == FIELD_LINE:
            return FIELD_START
        self.done = True
        return DONE

    def _begin_chunk(self) -> int:
        size = self._size
        if size > self._total:
            raise RequestError("413 Content Too Large", f"body of more than {self._limits.body} bytes")
        self._total -= size
        self._size = self._digits = 0
        self.left = size
        if size:
            return DATA
        self._room = self._limits.trailers
        return FIELD_START

    def _spend(self) -> None:
        """Count a byte of an extension or a trailer field."""
        if self._room == 0:
            raise bad_request("chunk extensions or trailer fields that are too long")
        self._room -= 1


def _value_of(byte: int) -> int:
    """Return the value of a hexadecimal digit, or -1 if `byte` is no such digit."""
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    lower = byte | 0x20
    if 0x61 <= lower <= 0x66:
        return lower - 0x57
    return -1
