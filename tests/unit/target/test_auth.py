"""Secret references and the Authorization header."""

from __future__ import annotations

import base64
import shlex
import sys
import threading
from pathlib import Path

import httpx
import pytest

from fhir_msc.errors import SecretError
from fhir_msc.target.auth import Basic, Bearer, authorization, read_secret
from fhir_msc.target.login import Login


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def command(code: str) -> str:
    return f"cmd:{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_secrets_are_read_where_they_stand(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"s3cret\n")
    assert read_secret("file:secret", tmp_path) == "s3cret"
    assert read_secret(f"file:{path}") == "s3cret"
    assert read_secret("env:TOKEN", environment={"TOKEN": "s3cret"}) == "s3cret"
    assert read_secret(command("print(open('secret').read())"), tmp_path) == "s3cret"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:TOKEN", "TOKEN is not set"),
        ("env:EMPTY", "env:EMPTY is empty"),
        ("env:LINES", "not one line"),
        ("file:absent", "cannot be read: No such file"),
        ("file:.", "cannot be read: Is a directory"),
        ("cmd:no-such-program --token hidden", "cannot be started: No such file"),
        ("cmd:open 'quote hidden", "open quote"),
        ("s3cret-hidden", "env:NAME, file:PATH or cmd:COMMAND"),
        ("env:", "env:NAME, file:PATH or cmd:COMMAND"),
        ("cmd: ", "env:NAME, file:PATH or cmd:COMMAND"),
        ("https://hidden", "env:NAME, file:PATH or cmd:COMMAND"),
        (command("print('hidden'); raise SystemExit(3)"), "ended with code 3"),
        (command("pass"), "is empty"),
    ],
)
def test_what_is_wrong_is_said_and_the_secret_is_not(reference: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=words) as caught:
        read_secret(reference, tmp_path, {"EMPTY": " ", "LINES": "hidden\nhidden"})
    assert "hidden" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_file_that_others_can_reach_is_refused(mode: int, tmp_path: Path) -> None:
    secret_file(tmp_path, b"s3cret", mode)
    with pytest.raises(SecretError, match=f"open to other users \\(mode {mode:04o}\\)") as caught:
        read_secret("file:secret", tmp_path)
    assert "chmod 600" in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    secret_file(tmp_path, b"\xff\xfe")
    with pytest.raises(SecretError, match="not UTF-8"):
        read_secret("file:secret", tmp_path)


def test_headers(tmp_path: Path) -> None:
    environment = {"P": "pässword"}
    assert authorization(Bearer("env:P"), tmp_path, {"P": "t0ken"}) == "Bearer t0ken"
    basic = authorization(Basic("user", "env:P"), tmp_path, environment)
    assert base64.b64decode(basic.removeprefix("Basic ")).decode() == "user:pässword"


class Server:
    """Takes one token at a time and counts requests."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.requests: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = request.headers["Authorization"]
        self.requests.append(sent)
        assert request.content == b"body"
        return httpx.Response(200 if sent == f"Bearer {self.token}" else 401)


def test_a_token_is_kept_until_it_is_refused_and_then_renewed_once() -> None:
    tokens = iter(["Bearer a", "Bearer b", "Bearer c"])
    server = Server("a")
    with httpx.Client(auth=Login(lambda: next(tokens)), transport=httpx.MockTransport(server)) as client:
        assert client.post("http://h/", content=b"body").status_code == 200
        assert client.post("http://h/", content=b"body").status_code == 200
        server.token = "b"
        assert client.post("http://h/", content=b"body").status_code == 200
        server.token = "nobody's"
        assert client.post("http://h/", content=b"body").status_code == 401
    assert server.requests == ["Bearer a", "Bearer a", "Bearer a", "Bearer b", "Bearer b", "Bearer c"]


def test_the_same_credentials_are_not_sent_twice() -> None:
    server = Server("other")
    with httpx.Client(auth=Login(lambda: "Bearer a"), transport=httpx.MockTransport(server)) as client:
        assert client.post("http://h/", content=b"body").status_code == 401
    assert server.requests == ["Bearer a"]


def test_threads_that_were_refused_together_share_one_renewal() -> None:
    threads = 6
    server = Server("2")
    together = threading.Barrier(threads)
    issued: list[int] = []

    def issue() -> str:
        issued.append(len(issued) + 1)
        return f"Bearer {issued[-1]}"

    def handle(request: httpx.Request) -> httpx.Response:
        response = server(request)
        if response.status_code == 401:
            together.wait(timeout=10)  # all of them hold the first token before one is told
        return response

    statuses: list[int] = []
    with httpx.Client(auth=Login(issue), transport=httpx.MockTransport(handle)) as client:
        workers = [
            threading.Thread(target=lambda: statuses.append(client.post("http://h/", content=b"body").status_code))
            for _ in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert statuses == [200] * threads
    assert issued == [1, 2]
