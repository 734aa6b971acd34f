"""DNS messages: queries, the datagrams that answer them, and hostile answers."""

import random
import time

import dns.message
import pytest

from greenrt.dns.message import BadMessage, Question

HEADER = b"\x81\x80\0\1\0\1\0\0\0\0"
# An A record of the queried name.
ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"


def reply_to(question: Question, answer: bytes = ADDRESS, header: bytes = HEADER) -> bytes:
    question.without_edns()
    return question.data[:2] + header + question.data[12:] + answer


@pytest.mark.parametrize("name", ["a.test", ".", "_x.a-b.test", "x" * 63 + ".test", "1/2.3.in-addr.arpa"])
def test_a_question_is_what_others_read(name: str) -> None:
    message = dns.message.from_wire(Question(name, 28).data)
    asked = message.question[0]
    assert (asked.name.to_text().lower(), asked.rdtype, asked.rdclass) == (name.rstrip(".") + ".", 28, 1)
    assert (message.flags, message.edns, message.payload) == (0x100, 0, 1232)


def test_ids_and_letters_are_random() -> None:
    questions = [Question("abcdefghijklmnopqrstuvwxyz.test", 1) for _ in range(50)]
    assert len({question.data[:2] for question in questions}) > 45
    assert len({question.data[12:] for question in questions}) == 50
    assert len({question.data[12:].lower() for question in questions}) == 1


def test_datagrams_that_answer_a_question() -> None:
    question = Question("abcdefghijklmnop.test", 1)
    reply = reply_to(question)
    assert question.answered_by(reply) == 0
    assert question.records(reply) == [("abcdefghijklmnop.test", 1, 60, "192.0.2.1")]
    assert question.answered_by(reply[:3] + b"\x83" + reply[4:]) == 3
    other = reply[:12] + reply[12:28].swapcase() + reply[28:]
    assert question.answered_by(other) is None
    assert question.answered_in_other_case(other)
    assert not question.answered_in_other_case(reply)
    wrong = [
        b"",
        reply[:11],
        reply[:20],
        bytes([reply[0] ^ 1]) + reply[1:],
        reply[:2] + b"\1" + reply[3:],
        reply[:2] + b"\xa1" + reply[3:],
        reply[:4] + b"\0\0" + reply[6:],
        reply[:4] + b"\0\2" + reply[6:],
        reply.replace(b"\0\0\1\0\1\xc0", b"\0\0\x1c\0\1\xc0"),
    ]
    for datagram in wrong:
        assert question.answered_by(datagram) is None, datagram
        assert not question.answered_in_other_case(datagram), datagram


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        ADDRESS[:-1],
        ADDRESS[:-6],
        # Two bytes for an IPv4 address, and four for an IPv6 address.
        b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\2\xc0\0",
        b"\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
        # Pointers to themselves, forwards and in a circle; a label of an unknown kind.
        b"\xc0\x18" + ADDRESS[2:],
        b"\xc0\xff" + ADDRESS[2:],
        b"\1a\xc0\x18" + ADDRESS[2:],
        b"\x80a\0" + ADDRESS[2:],
        b"\x40a\0" + ADDRESS[2:],
        # A name that is too long, and a name that ends elsewhere than its record.
        b"\x3f" * 300 + b"\0" + ADDRESS[2:],
        b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\1a\0\0",
        b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1a\0\0",
    ],
)
def test_damaged_answers(answer: bytes) -> None:
    question = Question("a.test", 1)
    with pytest.raises(BadMessage):
        question.records(reply_to(question, answer))


def test_odd_but_whole_answers() -> None:
    question = Question("a.test", 1)
    # An invalid time to live; another class; a name with a dot, a blank and a byte that is not ASCII.
    assert question.records(reply_to(question, ADDRESS[:6] + b"\x80" + ADDRESS[7:])) == [
        ("a.test", 1, 0, "192.0.2.1")
    ]
    assert question.records(reply_to(question, ADDRESS[:5] + b"\3" + ADDRESS[6:])) == []
    name = b"\4a.b \1\xff\0"
    alias = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0" + bytes([len(name)]) + name
    assert question.records(reply_to(question, alias)) == [("a.test", 5, 60, "a\\046b\\032.\\255")]


def test_any_answer_is_read_or_refused() -> None:
    """Random and damaged messages raise BadMessage and no other error, and soon."""
    rng = random.Random(4)
    question = Question("a.b.c.test", 1)
    whole = reply_to(question, ADDRESS * 20, HEADER[:5] + b"\x14" + HEADER[6:])
    started = time.monotonic()
    for _ in range(20000):
        damaged = bytearray(whole if rng.random() < 0.8 else whole[:27] + rng.randbytes(500))
        for _ in range(rng.randint(1, 8)):
            damaged[rng.randrange(6, len(damaged))] = rng.choice((0, 0xC0, 0x0C, 0x3F, rng.randrange(256)))
        question.answered_by(bytes(damaged))
        try:
            question.records(bytes(damaged))
        except BadMessage:
            pass
    assert time.monotonic() - started < 60


def _hostile(ladder: bytes, last: int) -> bytes:
    """Return the data of one record of an unread type that begins with `ladder`, and records that point into it.

    ladder: the names. last: offset of the name that every owner points to.
    """
    head = b"\0\0\x10\0\1\0\0\0\0" + len(ladder).to_bytes(2, "big")
    owner = (0xC000 | last).to_bytes(2, "big")
    return head + ladder + (owner + b"\0\x10\0\1\0\0\0\0\0\0") * ((65000 - len(ladder)) // 12)


@pytest.mark.parametrize("shape", ["one long ladder", "short ladders", "many labels"])
def test_work_for_a_hostile_answer_is_bounded(shape: str) -> None:
    question = Question("a.test", 1)
    start = len(reply_to(question, b"")) + 11
    if shape == "many labels":
        ladder = b"\1x" * 126 + b"\0"
        last = start
    else:
        rungs = 8000 if shape == "one long ladder" else 120
        ladder = (
            b"\0"
            + b"\0"
            + b"".join((0xC000 | (start + 2 * rung)).to_bytes(2, "big") for rung in range(rungs))
        )
        last = start + 2 * rungs
    answer = _hostile(ladder, last)
    count = ((65000 - len(ladder)) // 12 + 1).to_bytes(2, "big")
    reply = reply_to(question, answer, b"\x81\x80\0\1" + count + b"\0\0\0\0")
    with pytest.raises(BadMessage, match="labels and pointers" if "long" not in shape else "pointers"):
        question.records(reply)


def test_a_name_may_point_after_every_label() -> None:
    question = Question("a.test", 1)
    start = len(reply_to(question, b"")) + 11
    chain = b"\1z\0" + b"".join(
        b"\1y" + (0xC000 | (start if not rung else start + 3 + 4 * (rung - 1))).to_bytes(2, "big")
        for rung in range(100)
    )
    owner = (0xC000 | (start + 3 + 4 * 99)).to_bytes(2, "big")
    answer = b"\0\0\x10\0\1\0\0\0\0" + len(chain).to_bytes(2, "big") + chain + owner + ADDRESS[2:]
    reply = reply_to(question, answer, b"\x81\x80\0\1\0\2\0\0\0\0")
    assert question.records(reply) == [("y." * 100 + "z", 1, 60, "192.0.2.1")]
