"""Where something was made: kept as code and instruction offset, rendered when asked for."""

from types import CodeType

__all__ = ["render_site"]


def render_site(code: CodeType | None, offset: int) -> str:
    """Return ``file:line in function``."""
    if code is None:
        return "unknown place"
    line: int | None = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end:
            line = number
            break
    return f"{code.co_filename}:{line} in {code.co_qualname}"
