"""Path parameters that can be nothing but what they say."""

from typing import Annotated, TypeAlias

from fastapi import Path

Digest: TypeAlias = Annotated[
    str, Path(pattern=r"^[0-9a-f]{64}$", description="sha256 of the bytes, lower-case hex")
]
JobId: TypeAlias = Annotated[
    str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="id of the job")
]
