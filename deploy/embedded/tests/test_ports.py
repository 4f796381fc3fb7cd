import socket

import pytest

from embedded.errors import PortTakenError
from embedded.ports import ensure_all_free, ensure_free, free_ports


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        ensure_free(port, "ANY")


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_named_with_its_setting(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port} is taken.*PNEUMO_GATEWAY_PORT"):
            ensure_free(port, "PNEUMO_GATEWAY_PORT")


def test_all_taken_ports_are_one_sentence() -> None:
    with socket.socket() as first, socket.socket() as second:
        for listener in (first, second):
            listener.bind(("127.0.0.1", 0))
            listener.listen()
        one, two = first.getsockname()[1], second.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"{one} \(A\), {two} \(B\) are taken"):
            ensure_all_free([(one, "A"), (two, "B")])
