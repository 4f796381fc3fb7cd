import httpx
import pytest
from fastapi import APIRouter, Request, Response

from gateway.http.app import new_app
from gateway.http.direct_routes import DirectDispatcher, DirectRoute
from gateway.http.formats.problems import ProblemError
from shared.contracts.errors import ErrorCode
from shared.control_client import RegistryUnavailableError

TROUBLE = {
    "fine": None,
    "refused": ProblemError(ErrorCode.EMPTY_FILE, "There is nothing in it."),
    "away": RegistryUnavailableError("it sleeps"),
}


@pytest.fixture
def app():
    """One direct route that does as it is told, one with a variable, and one of FastAPI's own."""
    hot, cold = APIRouter(route_class=DirectRoute), APIRouter()

    @hot.post("/hot")
    async def answer(request: Request) -> Response:
        what = (await request.body()).decode()
        if what == "bug":
            raise LookupError
        if (trouble := TROUBLE[what]) is not None:
            raise trouble
        return Response(f"{what} {request.query_params}", 201, {"X-Own": "1"}, "text/plain")

    @hot.get("/hot/{name}")  # noqa: FAST003  a direct endpoint takes the request alone
    async def named(request: Request) -> Response:
        return Response(request.path_params["name"])

    @cold.get("/cold")
    async def cold_one() -> dict[str, str]:
        return {"it": "is"}

    return new_app(hot, cold)


def _client(asgi, **options):
    transport = httpx.ASGITransport(asgi, **options)
    return httpx.AsyncClient(transport=transport, base_url="http://g")


REQUESTS = [
    *(("POST", "/hot?a=b", what) for what in TROUBLE),
    ("GET", "/hot", ""),
    ("POST", "/hot/", "fine"),
    ("GET", "/hot/me", ""),
    ("GET", "/cold", ""),
    ("GET", "/nowhere", ""),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
async def test_a_direct_route_answers_as_it_does_within_the_app(app, method, path, body):
    answers = []
    for asgi in (app, DirectDispatcher(app)):
        async with _client(asgi) as client:
            response = await client.request(method, path, content=body)
            answers.append((response.status_code, response.headers, response.content))
    within, direct = answers
    assert direct == within


async def test_only_what_is_not_direct_reaches_the_app(app):
    reached = []

    async def spy(scope, receive, send):
        reached.append(scope["path"])
        await type(app).__call__(app, scope, receive, send)

    direct = DirectDispatcher(app)
    direct._app = spy
    async with _client(direct) as client:
        for method, path, body in (REQUESTS[0], *REQUESTS[3:]):
            await client.request(method, path, content=body)
    assert reached == ["/hot", "/hot/", "/hot/me", "/cold", "/nowhere"]


async def test_a_bug_is_answered_and_told_to_the_server(app):
    async with _client(DirectDispatcher(app), raise_app_exceptions=False) as client:
        answered = await client.post("/hot", content="bug")
        assert (answered.status_code, answered.json()["code"]) == (500, "internal")
    async with _client(DirectDispatcher(app)) as client:
        with pytest.raises(LookupError):
            await client.post("/hot", content="bug")


async def test_whoever_watches_sees_the_route(app):
    scopes = []

    async def watched(scope, receive, send):
        scopes.append(scope)
        await DirectDispatcher(app)(scope, receive, send)

    async with _client(watched) as client:
        await client.post("/hot", content="fine")
    assert scopes[0]["route"].path == "/hot"
