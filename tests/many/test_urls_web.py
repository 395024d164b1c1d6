"""Photos by web address, from a server on loopback, with its faults."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome
from servers import Fault, Server

from diffstyler_cli.images import source
from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.remote import systems

Cli = Callable[..., Outcome]


@pytest.fixture
def server(photo: Path) -> Iterator[Server]:
    """Serves /a.png, /b%20c.png and /page."""
    with Server() as one:
        one.files = {name: photo.read_bytes() for name in ("/a.png", "/b c.png", "/photo")}
        yield one


def test_one_photo_and_what_is_made_of_its_name(cli: Cli, server: Server) -> None:
    for address, name in (("a.png", "a-oil"), ("b%20c.png", "b c-oil"), ("photo?id=1&size=2", "photo-oil")):
        outcome = cli("stylize", f"{server.url}/{address}", "oil", *QUICK)
        assert (outcome.code, outcome.out.decode()) == (0, f"{name}.png\n"), outcome.err
    recipe = read_recipe(Path("b c-oil.png"))
    assert recipe is not None
    assert recipe["input"]["name"] == "b c.png"
    assert f"Same again: diffstyler stylize '{server.url}/photo?id=1&size=2' oil" in outcome.err
    assert cli("inspect", f"{server.url}/a.png").code == 0


def test_several_are_not_fetched_again_where_nothing_changed(cli: Cli, server: Server, photo: Path) -> None:
    photos = (f"{server.url}/a.png", "photo.png", f"{server.url}/b%20c.png")
    words = ("stylize", *photos, "oil", "mist", "-o", "out", *QUICK)
    outcome = cli(*words)
    assert outcome.code == 0, outcome.err
    assert {path.name for path in Path("out").glob("*.png")} == {f"{n}-oil-mist.png" for n in ("a", "b c", "photo")}
    server.log.clear()
    again = cli(*words)
    assert "3 of 3 pictures are there already" in again.err
    assert server.gets() == []
    server.files["/a.png"] = server.files["/a.png"] + b"\0"
    assert "3 of 3" in cli(*words).err, "another file, with the same pixels"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("403", times=9), "the answer is 403 Forbidden"),
        (Fault("drop", 60, times=9), "cannot be read"),
        (Fault("stall", 60, times=9, seconds=2), "no answer within 1 s"),
        (Fault("page", times=9), "is a web page"),
        (Fault("endless", 1 << 24, times=9), "is longer than 1 MiB"),
        (Fault("trickle", 60, times=9), "comes too slowly|no answer within 1 s"),
        (Fault("other file", times=9), "is not an image"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_faults_end_in_two_lines_or_one_failure_of_many(
    cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, fault: Fault, said: str
) -> None:
    if fault.kind in ("stall", "trickle"):
        monkeypatch.setattr(systems, "PATIENCE", 1.0)
    monkeypatch.setattr(source, "MAX_STREAM_BYTES", 1 << 20)
    server.faults["/a.png"] = fault
    outcome = cli("stylize", f"{server.url}/a.png", "oil", *QUICK)
    assert (outcome.code, len(outcome.err.splitlines())) == (3, 2), outcome.err
    assert re.search(said, outcome.err)
    assert not list(Path().glob("*-oil.png"))


def test_one_that_fails_of_several_is_recorded_and_tried_again(cli: Cli, server: Server) -> None:
    server.faults["/a.png"] = Fault("drop", 60, times=2)  # it is read for its size, and to be stylised
    words = ("stylize", f"{server.url}/a.png", f"{server.url}/b%20c.png", "oil", "-o", "out", *QUICK)
    outcome = cli(*words)
    assert outcome.code == 6, outcome.err
    assert Path("out/b c-oil.png").is_file()
    assert cli(*words).out == b"out/a-oil.png\n"


def test_what_is_not_there_or_nobody_answers_for(cli: Cli, server: Server) -> None:
    outcome = cli("stylize", f"{server.url}/gone.png", "oil")
    assert (outcome.code, outcome.err.splitlines()[0]) == (3, f"error: '{server.url}/gone.png' does not exist.")
    outcome = cli("stylize", "http://127.0.0.1:9/a.png", "oil")
    assert (outcome.code, len(outcome.err.splitlines())) == (3, 2)
    outcome = cli("stylize", f"{server.url}/", "oil", "-o", "out")
    assert outcome.code == 3, "an address of the web is a photo, never a folder"


def test_proxies_are_those_of_the_environment(cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    outcome = cli("stylize", "http://photos.example/a.png", "oil", *QUICK)
    assert (outcome.code, outcome.out) == (0, b"a-oil.png\n"), outcome.err
    assert {request.path for request in server.log} == {"http://photos.example/a.png"}


def test_a_photo_that_is_too_long_is_refused_before_it_is_fetched(
    cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_STREAM_BYTES", 50)
    outcome = cli("stylize", f"{server.url}/a.png", "oil")
    assert outcome.code == 3
    assert [request.method for request in server.log] == ["HEAD"]


def test_passwords_and_signatures_are_sent_and_never_shown(cli: Cli, server: Server, tmp_path: Path) -> None:
    address = f"{server.url.replace('://', '://me:pa55word@')}/a.png?X-Amz-Signature=51gnature&id=1"
    told = []
    for words in (("oil",), ("oil", "-o", "out/x.png"), ("oil", "--json"), ("oil", "-p", "oil", "-o", "out", "--each")):
        Path("out").mkdir(exist_ok=True)
        outcome = cli("stylize", address, *words, "--log-file", "log", *QUICK)
        told.append(outcome.out.decode() + outcome.err)
    Path("list").write_text(address)
    outcome = cli("stylize", "--from-file", "list", "oil", "-o", "many", "--json", *QUICK)
    assert outcome.code == 0, outcome.err
    row = json.loads(outcome.out.splitlines()[0])
    assert row["photo"] == f"{server.url}/a.png?X-Amz-Signature=...&id=1"
    told.append(outcome.out.decode() + outcome.err)
    Path("list").unlink()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("pa55word", "51gnature"):
        assert secret not in "".join(told)
        assert secret.encode() not in kept
    gets = server.gets("/a.png")
    assert all("51gnature" in request.path for request in gets)
    assert all(request.headers["authorization"].startswith("Basic ") for request in gets)
