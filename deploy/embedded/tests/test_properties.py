from dataclasses import replace
from pathlib import Path

import pytest

from embedded.kafka.broker import render_arguments
from embedded.kafka.properties import BrokerConfig, container_environment, render_properties
from shared.contracts.topics import MAX_RECORD_BYTES

CONFIG = BrokerConfig(Path("/some where/kafka"), port=19092, controller_port=19093)


@pytest.mark.parametrize(
    "line",
    [
        "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093",
        "advertised.listeners=PLAINTEXT://127.0.0.1:19092",
        "controller.quorum.voters=1@127.0.0.1:19093",
        "log.dirs=/some where/kafka/log",
        "auto.create.topics.enable=false",
        "group.coordinator.append.linger.ms=0",
        "group.initial.rebalance.delay.ms=0",
        "offsets.topic.replication.factor=1",
        "transaction.state.log.replication.factor=1",
        f"message.max.bytes={MAX_RECORD_BYTES}",
    ],
)
def test_the_properties_hold(line: str) -> None:
    assert line in render_properties(CONFIG).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "node.id=2",
        "controller.quorum.voters=1@127.0.0.1:1,2@127.0.0.1:19093,3@127.0.0.1:3",
        "broker.rack=east",
        "offsets.topic.replication.factor=3",
        "min.insync.replicas=2",
    ],
)
def test_one_of_three_knows_the_others_and_keeps_three_copies(line: str) -> None:
    config = replace(CONFIG, node_id=2, peers={3: 3, 1: 1}, rack="east")
    assert line in render_properties(config).splitlines()


def test_a_backslash_in_a_path_survives_the_properties_format() -> None:
    config = BrokerConfig(Path("/odd\\name"))
    assert "log.dirs=/odd\\\\name/log" in render_properties(config).splitlines()


def test_the_container_gets_the_same_settings_as_variables() -> None:
    variables = container_environment(29092)
    assert variables["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert variables["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:29092"


def test_java_arguments_are_quoted_one_a_line() -> None:
    assert render_arguments(["-cp", '/a b/"c"']) == '"-cp"\n"/a b/\\"c\\""\n'
