"""The base of every JSON message: frozen, strict about what it knows, tolerant of what is new."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A JSON body on a topic or an HTTP answer between services.

    Unknown fields are ignored, so that an older reader survives a newer writer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")

    def to_bytes(self) -> bytes:
        """Serialise to UTF-8 JSON."""
        return self.model_dump_json().encode()
