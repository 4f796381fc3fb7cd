"""Why Kafka cannot be reached, in a sentence for whoever has to change it.

aiokafka logs the reason and raises an error without it. Here each bootstrap server is tried once
more, and its error is put into our own words: a library's may quote what must not be logged.
"""

import asyncio
import socket
import ssl

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

_MAX_TRY_S = 5.0

# The first that fits: some of these are kinds of others.
_REASONS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((ConnectionRefusedError,), "refuses connections: no broker listens there"),
    ((socket.gaierror,), "is no known host: see KAFKA_BOOTSTRAP_SERVERS"),
    (
        (ssl.SSLCertVerificationError,),
        "has a certificate that is not trusted ({trust}): see KAFKA_SSL_CAFILE",
    ),
    ((ssl.SSLError,), "does not agree on TLS ({tls}): see KAFKA_SECURITY_PROTOCOL, KAFKA_SSL_*"),
    ((TimeoutError,), f"did not answer within {_MAX_TRY_S:g} s"),
    ((UnsupportedSaslMechanismError,), "does not take this KAFKA_SASL_MECHANISM"),
    (
        (SaslAuthenticationFailed, AuthenticationFailedError, IllegalSaslStateError),
        "refuses the credentials: see KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD",
    ),
    (
        (KafkaError, ConnectionError),
        "ended the connection: it is starting, or see KAFKA_SECURITY_PROTOCOL",
    ),
)


async def explain_unreachable(client: AIOKafkaClient) -> str:
    """Try every bootstrap server of a client, and say what came of it."""
    reasons = [await _try(client, host, port) for host, port, _ in client.hosts]
    return "; ".join(dict.fromkeys(reasons))


async def _try(client: AIOKafkaClient, host: str, port: int) -> str:
    try:
        async with asyncio.timeout(_MAX_TRY_S):
            connection = await create_conn(
                host,
                port,
                client_id=client._client_id,  # noqa: SLF001  it has no other place for its options
                ssl_context=client._ssl_context,  # noqa: SLF001
                security_protocol=client._security_protocol,  # noqa: SLF001
                sasl_mechanism=client._sasl_mechanism,  # noqa: SLF001
                sasl_plain_username=client._sasl_plain_username,  # noqa: SLF001
                sasl_plain_password=client._sasl_plain_password,  # noqa: SLF001
            )
            try:
                # A listener that wants SASL or TLS ends a plain connection at its first request.
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except (OSError, KafkaError) as error:
        return f"{host}:{port} {reason_of(error)}"
    return f"{host}:{port} answers now"


def reason_of(error: OSError | KafkaError) -> str:
    """Say what a failed connection means; what the settings may be to blame for names them."""
    for kinds, reason in _REASONS:
        if isinstance(error, kinds):
            return reason.format(
                trust=getattr(error, "verify_message", ""), tls=getattr(error, "reason", "")
            )
    return f"cannot be reached (errno {getattr(error, 'errno', None)})"
