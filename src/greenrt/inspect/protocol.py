"""What a program and `greenrt dump` agree on: where the socket of a process is, and how they talk.

The asker sends ``greenrt 1 text`` or ``greenrt 1 json`` and a newline. The answer is ``greenrt 1 ok LENGTH`` and a
newline, then LENGTH bytes, so an answer that was cut off is recognized.
"""

import os
import stat
from contextlib import suppress

__all__ = [
    "FORMATS",
    "VERSION",
    "answer_head",
    "folders",
    "make_own",
    "question",
    "read_head",
    "read_question",
]

VERSION = 1
FORMATS = ("text", "json")


def folders(uid: int, runtime: str | None) -> list[str]:
    """Return the folders in which a process of user `uid` may have its socket, the likeliest first.

    runtime: the XDG_RUNTIME_DIR of that process.
    """
    found = [os.path.join(runtime, "greenrt")] if runtime and os.path.isabs(runtime) else []
    # Not the folder for temporary files of each process, which TMPDIR may set: the asker would not find it.
    return [*found, f"/tmp/greenrt-{uid}"]


def make_own(folder: str) -> None:
    """Make the folder for the sockets of this user, if it is not there. Raise OSError if others may change it."""
    uid = os.geteuid()
    # For example, `sudo` may keep the XDG_RUNTIME_DIR of the user who calls it.
    if os.stat(os.path.dirname(folder)).st_uid not in (0, uid):
        raise PermissionError(f"{os.path.dirname(folder)} belongs to another user")
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"{folder} must be a folder of user {uid} with the mode 0700; remove it")


def question(format: str) -> bytes:
    """Return the bytes that ask for a dump."""
    return f"greenrt {VERSION} {format}\n".encode()


def read_question(line: bytes) -> str:
    """Return the format that is asked for. Raise ValueError with a text for the asker."""
    words = line.decode("ascii", "replace").split()
    if words[:1] != ["greenrt"] or len(words) != 3:
        raise ValueError("this is no question that greenrt understands")
    if words[1] != str(VERSION):
        raise ValueError(f"the question is of version {words[1]}, and this process answers version {VERSION}")
    if words[2] not in FORMATS:
        raise ValueError(f"there is no format {words[2]!r}")
    return words[2]


def answer_head(kind: str, length: int) -> bytes:
    """Return the line before an answer; `kind` is "ok" or "error"."""
    return f"greenrt {VERSION} {kind} {length}\n".encode()


def read_head(line: bytes) -> tuple[str, int]:
    """Return the kind and the length of an answer. Raise ValueError with a text for the user."""
    words = line.decode("ascii", "replace").split()
    if words[:1] != ["greenrt"] or len(words) != 4 or not words[3].isdigit():
        raise ValueError("it answers, but not as greenrt does")
    if words[1] != str(VERSION):
        raise ValueError(
            f"it speaks version {words[1]} of greenrt's protocol, and this greenrt version {VERSION}"
        )
    return words[2], int(words[3])
