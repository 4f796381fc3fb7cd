"""Commands in documents are accepted by make, by the programs' own parsers, and by the routes."""

import re
from pathlib import Path

import pytest

from docsite.checks.commands import wrong_command
from docsite.checks.page_commands import Command, find_commands, find_pages

ROOT = Path(__file__).parents[2]
BY_PATH = "http://127.0.0.1:8000"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def wrong_in(text: str) -> list[str]:
    found = (wrong_command(each) for each in find_commands(text))
    return [wrong for wrong in found if wrong]


@pytest.mark.parametrize("page", find_pages(ROOT), ids=name)
def test_every_command_of_a_page_is_accepted(page: Path) -> None:
    found = {each.text: wrong_command(each) for each in find_commands(page.read_text())}
    assert {text: wrong for text, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "runbooks").glob("*.md")), ids=name)
def test_a_runbook_names_the_interpreter_that_has_the_modules(page: Path) -> None:
    bare = r"(?:[A-Z_]+=\S+ )*python -m (?:operations|gateway|registry|trainer|embedded|shared)\b"
    commands = find_commands(page.read_text())
    assert [each.text for each in commands if re.match(bare, each.text)] == []


def test_pages_of_all_depths_are_read() -> None:
    pages = {name(page) for page in find_pages(ROOT)}
    wanted = {"README.md", "services/registry/README.md", "docs/how-to/own-kafka.md"}
    assert wanted | {"docs/runbooks/roll-a-model-back.md", "docs/compose.md"} <= pages
    assert not any(page.startswith(".venv") for page in pages)


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("make audit SINCE=2h", "audit looks back further"),
        ("make adit", "no target adit"),
        ("make audit SICNE=10m", "no variable SICNE"),
        ('make dlq DLQ="redriv ID"', "No such command 'redriv'"),
        ("pneumo predikt samples", "No such command 'predikt'"),
        (".venv/bin/pneumo predict samples --formt csv", "No such option: --formt"),
        ("pneumo jobs list | shw ID", "No such command 'shw'"),
        ("pneumo models list | rollback [--form VERSION]", "No such option: --form"),
        ("pneumo dlq lst", "No such command 'lst'"),
        ("python -m operations audit [--wiat]", "No such option: --wiat"),
        ("python -m operations dlq list|sow ID", "No such command 'sow'"),
        ("docker compose run --rm operations audit --snce 10m", "No such option: --snce"),
        ("python -m gateway keys nw ward-3", "invalid choice: 'nw'"),
        ("kubectl exec deploy/registry -- python -m registry bakup /d", "invalid choice: 'bakup'"),
        ("python -m registry backup", "arguments are required: TO"),
        ("python -m trainer train FOLDER --weigths a.h5", "No such option: --weigths"),
        ("python -m embedded stats", "invalid choice: 'stats'"),
        ("python -m load.soak --minutes N --knee 3", "unrecognized arguments: --knee 3"),
        ("python -m load.practise x.zip", "no module load.practise"),
        ("python -m bench.capacity --rat N --of 3", "unrecognized arguments: --of 3"),
        ("python bench/latency.py a.jpeg --loops 3", "unrecognized arguments: --loops 3"),
        ("python -m bench.loop folder --loops 3", "unrecognized arguments: --loops 3"),
        ("python deploy/pins.py check", "no file deploy/pins.py"),
        ("python -m grafana ask", "arguments are required: url"),
        ("python -m docsite wirte", "invalid choice: 'wirte'"),
        ("python -m ui --port 3", "ui takes no arguments"),
        (f"curl {BY_PATH}/v1/modells", "gateway: no GET /v1/modells"),
        (f"curl {BY_PATH}/v1/models/rollback", "gateway: no GET /v1/models/rollback"),
        ("curl -X POST …/v1/models/rolback", "gateway: no POST /v1/models/rolback"),
        (f"curl -F file=@a '{BY_PATH}/predict?explian=cam'", "/predict has no parameter explian"),
        ("curl -fT a http://127.0.0.1:8001/v1/artefacts/ID", "registry: no PUT /v1/artefacts/ID"),
        ("curl http://127.0.0.1:8501/retrian", "ui: no GET /retrian"),
        ("curl http://127.0.0.1:8010/helth", "worker: no GET /helth"),
        (f"ls | xargs -P 8 curl -F file=@{{}} {BY_PATH}/predikt > a", "no POST /predikt"),
    ],
)
def test_a_wrong_command_is_found(command: str, wrong: str) -> None:
    assert wrong in (wrong_command(Command(command, is_whole=True)) or "")


@pytest.mark.parametrize(
    "command",
    [
        "make up WORKERS=4",
        "pneumo --install-completion",  # accepted without being carried out
        "pneumo upload FOLDER --label <class> --url http://HOST:8000",
        "pneumo models list | show [VERSION] | promote VERSION",
        "python -m gateway keys new …",
        "python -m trainer train /no/such/folder --weights no-such.h5",
        "python -m pytest services/gateway",
        "curl http://127.0.0.1:8010/metrics",
        "curl -N http://127.0.0.1:8000/v1/jobs/<id>/events",
        'curl -fT "$f" "http://127.0.0.1:8001/v1/artifacts/$(sha256sum "$f" | cut -c -64)"',
        "curl https://example.org/whatever",
    ],
)
def test_a_right_command_is_accepted(command: str) -> None:
    assert wrong_command(Command(command, is_whole=True)) is None


def test_fences_and_back_ticks_are_read_with_their_comments_left_out() -> None:
    text = "```sh\npneumo statsu    # and pneumo nothing\n```\nor `make adit`, `pneumo predict`.\n"
    assert [wrong.split("'")[0] for wrong in wrong_in(text)] == [
        "No such command ",
        "no target adit",
    ]


def test_a_mention_may_leave_arguments_out_and_a_line_of_a_fence_may_not() -> None:
    assert wrong_in("`pneumo predict` and `python -m registry backup`") == []
    assert len(wrong_in("```sh\npneumo predict\npython -m registry \\\n  backup\n```\n")) == 2
