"""The dataset in S3: `retrain_data/<aa>/<sha256>`, as on disk."""

from registry.adapters.bucket import Bucket


class S3Images:
    """An ImageFiles port over a bucket. Several registries may use it at once."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def store(self, sha256: str, content: bytes) -> None:
        """Make a file durable and visible, whole or not at all; see the port."""
        await self._bucket.put(_key(sha256), content)

    async def remove(self, sha256: str) -> None:
        """Delete a file; nothing happens where there is none."""
        await self._bucket.remove(_key(sha256))

    async def load(self, sha256: str) -> bytes | None:
        """Give a file's bytes as they lie there; None where there is none."""
        return await self._bucket.load(_key(sha256))


def _key(sha256: str) -> str:
    return f"retrain_data/{sha256[:2]}/{sha256}"
