"""Where something was made: kept as (code, instruction offset), rendered when asked for."""

from types import CodeType

__all__ = ["render_site"]


def render_site(site: tuple[CodeType, int] | None) -> str:
    """Return ``file:line in function``."""
    if site is None:
        return "unknown place"
    code, offset = site
    line: int | None = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end:
            line = number
            break
    return f"{code.co_filename}:{line} in {code.co_qualname}"
