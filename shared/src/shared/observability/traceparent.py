"""The header that ties a request to its caller's trace: W3C Trace Context, `traceparent`.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re
from collections.abc import Sequence

_FIELDS = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KNOWN, _FORBIDDEN = "00", "ff"
_SAMPLED = 0x01


def parse_traceparent(values: Sequence[str]) -> str | None:
    """Give the one traceparent among a request's headers, in version 00 and 55 characters.

    None for anything else: none, several, upper case, ids of zeros, version ff, more text than
    version 00 has. Of a later version the fields of version 00 are kept, and of its flags only
    `sampled`, as the specification asks of who does not know it.
    """
    fields = _FIELDS.fullmatch(values[0]) if len(values) == 1 else None
    if fields is None:
        return None
    version, trace_id, parent_id, flags, rest = fields.groups()
    if version == _FORBIDDEN or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    if version == _KNOWN:
        return None if rest else values[0]
    return f"{_KNOWN}-{trace_id}-{parent_id}-{int(flags, 16) & _SAMPLED:02x}"
