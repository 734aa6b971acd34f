"""What RFC 9110 calls a token and the text of a field: one grammar for what comes in and what goes out."""

import re

__all__ = ["QUOTED", "TEXT", "TOKEN", "is_token"]

# RFC 9110 5.6.2, for a regular expression.
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 9110 5.5: no control characters but the tab. With empty text, and with spaces around it.
TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*"
# RFC 9110 5.6.4.
QUOTED = r'"(?:[^\x00-\x08\x0a-\x1f\x7f"\\]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'

is_token = re.compile(TOKEN).fullmatch
