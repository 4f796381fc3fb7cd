"""The topics as an AsyncAPI 3.0 document: FastStream's, amended by what it cannot know."""

from typing import Any

import yaml
from faststream.kafka import KafkaBroker
from faststream.specification.asyncapi import AsyncAPI

from docsite.messages import DESCRIBED, Described

_TITLE = "PneumoStream's topics"
_DESCRIPTION = """What services say to each other over Apache Kafka, as `shared.contracts` has it.

Every topic's name may have a prefix (`KAFKA_TOPIC_PREFIX`). Readers ignore fields that they do not
know. Research software, not a medical device."""
_HOST = "127.0.0.1:9092"
_BINDING = "0.4.0"
_TOLD = ("retention.ms", "delete.retention.ms", "max.message.bytes")
"""What the binding has words for, beside `cleanup.policy`."""


class _Plain(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Writes everything out: no references to what was said before, and text in lines."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)


def asyncapi_yaml() -> str:
    """Give the document's text, the same for the same contracts."""
    text: str = yaml.dump(
        asyncapi_document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def asyncapi_document() -> dict[str, Any]:
    """Give the document: a channel, a message and two operations a topic."""
    broker = KafkaBroker(_HOST, protocol_version="any")
    for each in DESCRIBED:
        name = each.topic.name
        broker.publisher(name, title=name, description=each.summary, schema=each.body)
    made = AsyncAPI(broker, title=_TITLE, version="1", description=_DESCRIPTION)
    document = _ordered(made.to_specification().to_jsonable())
    operations = document["operations"]
    for each in DESCRIBED:
        name = each.topic.name
        document["channels"][name]["bindings"]["kafka"] |= _channel_binding(each)
        _amend_message(document["components"]["messages"][f"{name}:Message"], each)
        operations |= _operations(each)
    return document


def _ordered(made: dict[str, Any]) -> dict[str, Any]:
    """Put in order what FastStream keeps in none; its operations are made anew."""
    names = [each.topic.name for each in DESCRIBED]
    (server,) = made["servers"].values()
    del server["pathname"]
    components = made["components"]
    messages = {f"{name}:Message": components["messages"][f"{name}:Message"] for name in names}
    return {
        "asyncapi": made["asyncapi"],
        "info": made["info"],
        "defaultContentType": made["defaultContentType"],
        "servers": made["servers"],
        "channels": {name: made["channels"][name] for name in names},
        "operations": {},
        "components": {
            "messages": messages,
            "schemas": dict(sorted(components["schemas"].items())),
        },
    }


def _channel_binding(each: Described) -> dict[str, Any]:
    config = each.topic.config
    told = {key: int(config[key]) for key in _TOLD if key in config}
    policy = config["cleanup.policy"].split(",")
    return {
        "partitions": each.topic.partitions,
        "topicConfiguration": {"cleanup.policy": policy, **told},
    }


def _amend_message(message: dict[str, Any], each: Described) -> None:
    message["name"] = message["title"] = each.topic.name
    message["summary"] = each.summary
    if each.body is bytes:
        message["contentType"] = "image/*"
    if each.tombstone:
        message["description"] = "There are records without a value, too."
    key = {"type": "string", "description": each.key}
    message["bindings"] = {"kafka": {"key": key, "bindingVersion": _BINDING}}
    del message["correlationId"]
    if "id" in each.headers:
        message["correlationId"] = {"location": "$message.header#/id"}
    if each.headers:
        message["headers"] = {
            "type": "object",
            "properties": {name: _plain(value) for name, value in each.headers.items()},
            "required": list(each.required),
        }


def _plain(header: Any) -> dict[str, Any]:
    return {key: list(map(str, v)) if key == "enum" else v for key, v in header.items()}


def _operations(each: Described) -> dict[str, Any]:
    name = each.topic.name
    channel = {"$ref": f"#/channels/{name}"}
    messages = [{"$ref": f"#/channels/{name}/messages/Message"}]
    return {
        f"{name}.{action}": {
            "action": action,
            "channel": channel,
            "summary": f"By {', '.join(parties)}.",
            "messages": messages,
        }
        for action, parties in (("send", each.written_by), ("receive", each.read_by))
    }
