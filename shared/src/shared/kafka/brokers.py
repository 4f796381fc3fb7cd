"""FastStream's broker, for services that take commands.

Apart from `clients`: it takes a tenth of a second to import, and who scales workers waits for it.
"""

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.contracts.topics import MAX_RECORD_BYTES
from shared.kafka.clients import REQUEST_TIMEOUT_MS
from shared.kafka.settings import KafkaSettings


def new_broker(settings: KafkaSettings, *, client_id: str) -> KafkaBroker:
    """Make a FastStream broker for topics of commands, handled one message at a time."""
    return KafkaBroker(
        settings.bootstrap_servers.split(","),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        security=_security(settings),
        ack_policy=AckPolicy.MANUAL,
        allow_auto_create_topics=False,
        logger=None,
    )


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    if settings.security_protocol == "PLAINTEXT":
        return None
    ssl_context = settings.client_options().get("ssl_context")
    if settings.security_protocol == "SSL":
        return BaseSecurity(ssl_context=ssl_context, use_ssl=True)
    password = settings.sasl_password.get_secret_value() if settings.sasl_password else ""
    mechanisms = {
        "PLAIN": SASLPlaintext,
        "SCRAM-SHA-256": SASLScram256,
        "SCRAM-SHA-512": SASLScram512,
    }
    return mechanisms[settings.sasl_mechanism](
        username=settings.sasl_username or "",
        password=password,
        ssl_context=ssl_context,
        use_ssl=ssl_context is not None,
    )
