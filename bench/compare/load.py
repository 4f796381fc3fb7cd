"""The load on a system, in a process of its own: orders are JSON lines, and so are its replies.

{"do": "ask", "target": …, "paths": […]} → {"bodies": […]}
{"do": "measure", "target": …, "paths": […], "clients": 8, "seconds": 3}
    → {"event": "begun"}, {"event": "ended"}, {"sample": …}
A failure is {"error": "…"}; the process continues.
"""

import asyncio
import base64
import json
import logging
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from bench.compare.records import THIS_SYSTEM, LoadError, Payload
from shared.testing.http import HttpPool, new_form_request, new_http_request
from shared.testing.load import LatencySample, measure_closed_loop

MODEL = "pneumonia"
INPUT_TOPIC, OUTPUT_TOPIC = "mlserver-input", "mlserver-output"
AskBody = Callable[[int], Awaitable[bytes]]
"""Sends the n-th image (modulo their number) and returns the body of the answer."""

_ASK_TIMEOUT_S = 30.0
_FAULTS = (OSError, EOFError, ValueError, KeyError, KafkaError)
_MAX_RECORD_BYTES = 8 * 1024 * 1024
_CHECKED = 10
_CANDIDATES_PER_PAYLOAD = 15
"""Images of each payload of which the checked ones are taken."""


@dataclass(frozen=True, slots=True)
class BenchTarget:
    """A listening system. kind: multipart and v2-rest are HTTP, v2-kafka is MLServer's topics."""

    kind: Literal["multipart", "v2-rest", "v2-kafka"]
    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


def new_target_request(target: BenchTarget, image: bytes) -> bytes:
    """Encode a whole HTTP request for one prediction."""
    if target.kind == "multipart":
        return new_form_request(image, target.address)
    headers = (f"Host: {target.address}", "Content-Type: application/json")
    return new_http_request("POST", f"/v2/models/{MODEL}/infer", *headers, body=_new_v2_body(image))


def _new_v2_body(image: bytes) -> bytes:
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(image).decode()],
    }
    return json.dumps({"inputs": [tensor]}).encode()


def label_of(target: BenchTarget, body: bytes) -> str:
    """Read the label of an answer. Raises KeyError or ValueError."""
    answer: dict[str, Any] = json.loads(body)
    if target.kind == "multipart":
        return str(answer["label"])
    tensors = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
    return str(tensors["label"][0])


def is_sure(body: bytes) -> bool:
    """Return whether this system's answer is far from its threshold: no `close_call`."""
    return "close_call" not in json.loads(body)["warnings"]


@asynccontextmanager
async def _open_http(target: BenchTarget, images: Sequence[bytes]) -> AsyncIterator[AskBody]:
    requests = [new_target_request(target, image) for image in images]
    pool = HttpPool(f"http://{target.address}")

    async def ask(n: int) -> bytes:
        reply = await pool.exchange(requests[n % len(requests)])
        if reply.status != 200:
            raise ValueError(f"HTTP {reply.status}: {reply.body.decode()}")
        return reply.body

    try:
        yield ask
    finally:
        pool.close()


@asynccontextmanager
async def _open_kafka(target: BenchTarget, images: Sequence[bytes]) -> AsyncIterator[AskBody]:
    bodies = [_new_v2_body(image) for image in images]
    pending: dict[bytes, asyncio.Future[bytes]] = {}
    numbers, run = count(), secrets.token_hex(4)
    producer = AIOKafkaProducer(
        bootstrap_servers=target.address, max_request_size=_MAX_RECORD_BYTES
    )
    consumer = AIOKafkaConsumer(OUTPUT_TOPIC, bootstrap_servers=target.address)

    async def ask(n: int) -> bytes:
        answer: asyncio.Future[bytes]
        id_ = f"{run}-{next(numbers)}".encode()
        pending[id_] = answer = asyncio.get_running_loop().create_future()
        headers = [("mlserver-model", MODEL.encode())]
        # The confirmation is not awaited: the answer implies it, and MLServer does not wait either.
        await producer.send(INPUT_TOPIC, bodies[n % len(bodies)], key=id_, headers=headers)
        return await answer

    async def settle() -> None:
        async for record in consumer:
            answer = pending.pop(record.key, None)
            if answer is not None and not answer.done():
                answer.set_result(record.value)

    async with producer, consumer:
        await consumer.seek_to_end()
        # Positions are looked up lazily: an answer may not come before they are known.
        await asyncio.gather(*(consumer.position(one) for one in consumer.assignment()))
        settling = asyncio.create_task(settle())
        try:
            yield ask
        finally:
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)


def _print_line(**reply: Any) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


@lru_cache(maxsize=4)
def _read_images(paths: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(Path(path).read_bytes() for path in paths)


async def _carry_out(order: dict[str, Any]) -> None:
    target, images = BenchTarget(**order["target"]), _read_images(tuple(order["paths"]))
    opened = _open_kafka if target.kind == "v2-kafka" else _open_http
    async with opened(target, images) as ask:
        if order["do"] == "ask":
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                _print_line(bodies=[(await ask(n)).decode() for n in range(len(images))])
            return
        sample = await measure_closed_loop(
            [ask] * order["clients"],
            order["seconds"],
            on_event=lambda event: _print_line(event=event),
        )
    _print_line(sample=asdict(sample))


def main() -> None:
    """Carry out orders until their end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # partitions find their leaders late
    for line in sys.stdin:
        try:
            uvloop.run(_carry_out(json.loads(line)))
        except _FAULTS as error:
            _print_line(error=f"{type(error).__name__}: {error}")
        except BaseExceptionGroup as group:
            first: BaseException = group
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            _print_line(error=f"{type(first).__name__}: {first}")


class LoadGenerator:
    """Sends orders to the load process, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask_each(self, target: BenchTarget, paths: Sequence[Path]) -> list[bytes]:
        """Send each image once. Raises LoadError."""
        self._order(do="ask", target=asdict(target), paths=[str(path) for path in paths])
        return [body.encode() for body in self._read_reply()["bodies"]]

    def measure_load(
        self,
        target: BenchTarget,
        paths: Sequence[Path],
        clients: int,
        seconds: float,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> LatencySample:
        """Measure one cell; see measure_closed_loop. Raises LoadError."""
        amount = {"clients": clients, "seconds": seconds}
        self._order(do="measure", target=asdict(target), paths=[str(p) for p in paths], **amount)
        while "event" in (reply := self._read_reply()):
            on_event(reply["event"])
        return LatencySample(**reply["sample"])

    def cpu_s(self) -> float:
        """CPU seconds of the load process so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _read_reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LoadError(f"the load generator ended with code {self._process.wait()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise LoadError(reply["error"])
        return reply


@contextmanager
def start_load_generator() -> Iterator[LoadGenerator]:
    """Start the load process; end it afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.compare.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield LoadGenerator(process)
        finally:
            process.kill()


class AnswerCheck:
    """Compares every system's labels with those of the first one, once."""

    def __init__(self, load: LoadGenerator, payloads: Sequence[Payload]) -> None:
        self._load = load
        each = (choose_evenly(one.paths, _CANDIDATES_PER_PAYLOAD) for one in payloads)
        self._paths = [path for paths in each for path in paths]
        self._expected: Mapping[Path, str] = {}
        self._agreed: set[str] = set()

    def ensure_agrees(self, name: str, target: BenchTarget) -> None:
        """Raise ValueError if a system gives another label to one of the images."""
        if name in self._agreed:
            return
        if not self._expected:
            found = zip(self._paths, self._load.ask_each(target, self._paths), strict=True)
            sure = [(p, body) for p, body in found if name != THIS_SYSTEM or is_sure(body)]
            chosen = set(choose_evenly([path for path, _ in sure], _CHECKED))
            self._expected = {p: label_of(target, body) for p, body in sure if p in chosen}
        bodies = self._load.ask_each(target, list(self._expected))
        labels = [label_of(target, body) for body in bodies]
        if labels != (expected := list(self._expected.values())):
            raise ValueError(f"{name} returned {labels}, expected {expected}")
        self._agreed.add(name)
        print(f"{name}: right on {len(labels)} images of {len(set(labels))} classes", flush=True)


def choose_evenly(paths: Sequence[Path], number: int) -> list[Path]:
    """Choose so many, spread over all of them; all, if there are no more."""
    step = max(1.0, len(paths) / number)
    return [paths[int(n * step)] for n in range(min(number, len(paths)))]


if __name__ == "__main__":
    main()
