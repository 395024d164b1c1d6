"""Every fault of a download, with real servers and clients: `python tests/download/faults.py` writes docs/faults.md."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

from servers import COMMIT, Fault, Server
from world import CONTENT, FILE, KEY, REPOSITORY, Outcome, World, new_world, wait_for, weights

from diffstyler_cli.roles import KEYS
from diffstyler_cli.weights.registry import spec

TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
HALF = len(CONTENT) // 2

HEAD = """\
# What goes wrong with a download, and what then

<!-- Made by `python tests/download/faults.py`, which runs each of these; change the code, not this file. -->

Each row was run: the real clients (huggingface_hub's and ours) against servers on loopback that misbehave as it says.
The component comes from the Hub, and from a mirror should the Hub fail; its file has {size} bytes.
"Left on disk" is what the cache holds afterwards. A part is resumed by the next `diffstyler download`, whichever source
it comes from; an unfinished or wrong file is never taken for the component.
"""


@dataclass(frozen=True)
class Row:
    """What was seen of a fault."""

    fault: str
    code: int
    said: str
    left: str

    def __str__(self) -> str:
        said = "<br>".join(line.replace("|", r"\\|") for line in self.said.splitlines()) or "(nothing)"
        return f"| {self.fault} | {self.code} | {said} | {self.left} |"


Scenario = Callable[[World], Outcome]
SCENARIOS: dict[str, Scenario] = {}


def scenario(fault: str) -> Callable[[Scenario], Scenario]:
    def add(function: Scenario) -> Scenario:
        SCENARIOS[fault] = function
        return function

    return add


def row(fault: str, folder: Path) -> Row:
    """Runs a scenario in an empty folder. What it asserts is what a person cannot see."""
    padding = 3_000_000 if "process" in fault or "Ctrl-C" in fault else 0
    with new_world(folder, weights(padding) if padding else CONTENT) as world:
        outcome = SCENARIOS[fault](world)
        assert "Traceback" not in outcome.err, outcome.err
        entry = world.entry()
        if entry is not None:
            world.cache.verify(KEY)
            assert entry.source_sha256 == world.digest
        assert (outcome.code == 0) == (bool(outcome.out) or "--remove" in fault), outcome
        return Row(fault, outcome.code, world.plain(outcome.err), outcome.left or world.left())


# --- the connection --------------------------------------------------------------------------------------------------
@scenario("the connection breaks in the middle")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("drop", HALF)
    outcome = world.run()
    assert world.store.ranges() == ["", f"bytes={HALF}-"]
    assert "if-range" not in world.store.log[-1].headers  # the address is pinned to a commit
    return outcome


@scenario("the server goes silent in the middle")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("stall", HALF)
    world.patience = 3
    outcome = world.run()
    assert world.store.ranges() == ["", f"bytes={HALF}-"]
    return outcome


@scenario("the connection breaks every time; the mirror finishes what the Hub began")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("drop", 0, times=99)
    world.begin(HALF)
    outcome = world.run()
    assert world.mirror.ranges() == [f"bytes={HALF}-"]
    return outcome


@scenario("the server is overloaded for a while (503, Retry-After)")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("503", times=2, headers={"Retry-After": "7"})
    return world.run()


@scenario("no source can be reached")
def _(world: World) -> Outcome:
    with Server() as gone:
        address = gone.url
    world.sources = (type(world.from_mirror)("url", address, FILE),)
    outcome = world.run()
    return Outcome(outcome.code, outcome.out, outcome.err.replace(address, "https://mirror"))


@scenario("there is no network (no name can be looked up): asked once, for all components and sources")
def _(world: World) -> Outcome:
    place = type(world.from_mirror)
    world.endpoint = "http://hub.example"
    world.sources = (world.from_hub, place("url", "http://mirror.example", FILE))
    world.others = tuple(spec(key) for key in KEYS if key != KEY)
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: str, *arguments: object, **options: object) -> object:
        if str(host).startswith("127."):
            return real(host, *arguments, **options)
        asked.append(str(host))
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with mock.patch.object(socket, "getaddrinfo", lookup):
        outcome = world.run("--only", ",".join(KEYS))
    assert set(asked) == {"hub.example"}
    assert len(asked) <= 2  # the Hub's client asks twice
    assert len(outcome.err.splitlines()) == 3
    assert max(map(len, outcome.err.splitlines())) < 200
    return outcome


@scenario("there is no server of that name: the next source is asked")
def _(world: World) -> Outcome:
    world.sources = (type(world.from_mirror)("url", "http://gone.example", FILE), world.from_hub)
    real = socket.getaddrinfo
    asked: list[str] = []

    def lookup(host: str, *arguments: object, **options: object) -> object:
        if str(host).startswith("127."):
            return real(host, *arguments, **options)
        asked.append(str(host))
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with mock.patch.object(socket, "getaddrinfo", lookup):
        outcome = world.run()
    assert asked == ["gone.example"]
    return outcome


@scenario("the server answers 416 to every request for a part, and breaks off")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("no part", HALF, times=99)
    outcome = world.run()
    assert len(world.store.gets()) == 5
    return outcome


@scenario("the server sends one byte a connection")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("drop", 1, times=99)
    outcome = world.run()
    assert len(world.store.gets()) == 5
    return outcome


@scenario("the server sends a byte now and then")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("trickle", 200)
    world.patience = 1.0
    return world.run()


@scenario("a proxy is set and works")
def _(world: World) -> Outcome:
    world.sources = (type(world.from_mirror)("url", "http://files.example", FILE),)
    outcome = world.run(environment={"HTTP_PROXY": world.mirror.url})
    assert [request.path for request in world.mirror.log] == [f"http://files.example/{FILE}"]
    return outcome


# --- resuming --------------------------------------------------------------------------------------------------------
@scenario("the process is killed (kill -9) in the middle, and run again")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("stall", 2_500_000)
    process = world.start()
    wait_for(lambda: any(p.stat().st_size >= 1 << 20 for p in world.cache.parts.glob("*.part")))
    process.send_signal(signal.SIGKILL)
    world.finish(process)
    arrived = next(world.cache.parts.glob("*.part")).stat().st_size
    world.store.log.clear()
    outcome = world.run()
    assert arrived >= 1 << 20
    assert world.store.ranges() == [f"bytes={arrived}-"]
    return outcome


@scenario("Ctrl-C in the middle")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("stall", 2_500_000)
    process = world.start()
    wait_for(lambda: any(p.stat().st_size >= 1 << 20 for p in world.cache.parts.glob("*.part")))
    process.send_signal(signal.SIGINT)
    return world.finish(process)


@scenario("the server ignores Range: the file starts again, nothing is appended")
def _(world: World) -> Outcome:
    world.begin(HALF)
    world.store.faults[world.stored] = Fault("no range")
    outcome = world.run()
    assert world.store.ranges() == [f"bytes={HALF}-"]
    return outcome


@scenario("the server sends another part than the one that is missing")
def _(world: World) -> Outcome:
    world.begin(HALF)
    world.store.faults[world.stored] = Fault("other part")
    outcome = world.run()
    assert world.store.ranges() == [f"bytes={HALF}-", ""]
    return outcome


@scenario("what is there is of another file")
def _(world: World) -> Outcome:
    world.begin(HALF, bytes(HALF))
    outcome = world.run()
    assert world.store.ranges() == [f"bytes={HALF}-", ""]
    return outcome


@scenario("the file changes on the server between the two halves (If-Range)")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror,)
    old = bytes(reversed(world.content))
    world.mirror.files[f"/{FILE}"] = old

    def change() -> None:
        world.mirror.files[f"/{FILE}"] = world.content

    world.mirror.faults[f"/{FILE}"] = Fault("drop", HALF, then=change)
    outcome = world.run()
    assert world.mirror.ranges() == ["", f"bytes={HALF}-"]
    assert "if-range" in world.mirror.log[-1].headers
    return outcome


@scenario("the file changes on a server that ignores If-Range: it is fetched anew")
def _(world: World) -> Outcome:
    return _changes(world, "part anyway")


@scenario("the file changes on a server that ignores If-Range and says nothing: it is fetched anew")
def _(world: World) -> Outcome:
    return _changes(world, "blind")


def _changes(world: World, kind: str) -> Outcome:
    world.sources = (world.from_mirror,)
    path = f"/{FILE}"
    world.mirror.files[path] = bytes(reversed(world.content))

    def change() -> None:
        world.mirror.files[path] = world.content
        world.mirror.faults[path] = Fault(kind)

    world.mirror.faults[path] = Fault("drop", HALF, then=change)
    outcome = world.run()
    assert world.mirror.ranges() == ["", f"bytes={HALF}-", ""]
    return outcome


# --- what is sent ----------------------------------------------------------------------------------------------------
@scenario("the file has another SHA-256")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("other file")
    return world.run()


@scenario("the Hub states another SHA-256 beforehand: nothing is fetched from it")
def _(world: World) -> Outcome:
    world.hub.hub[f"{REPOSITORY}/{FILE}"] = b"another file"
    outcome = world.run()
    assert not world.store.gets()
    return outcome


@scenario("the file is truncated without a word (no length was said)")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror, world.from_hub)
    world.mirror.faults[f"/{FILE}"] = Fault("short", HALF)
    return world.run()


@scenario("more is sent than the file has")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("more", 10)
    return world.run()


@scenario("a server sends for ever")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror, world.from_hub)
    world.mirror.faults[f"/{FILE}"] = Fault("endless", 50_000_000)
    outcome = world.run()
    assert world.mirror.sent < 20_000_000  # what is under way between two sockets included
    return outcome


@scenario("a server says that its file has a billion gigabytes")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror, world.from_hub)
    world.mirror.faults[f"/{FILE}"] = Fault("says", headers={"Content-Length": str(10**18)})
    return world.run()


@scenario("a server says that its file has a million gigabytes")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror, world.from_hub)
    world.mirror.faults[f"/{FILE}"] = Fault("says", headers={"Content-Length": str(10**15)})
    return world.run()


@scenario("a server says a length of 5,000 digits")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror, world.from_hub)
    world.mirror.faults[f"/{FILE}"] = Fault("says", times=99, headers={"Content-Length": "9" * 5000})
    return world.run()


@scenario("a server says a Content-Range of 5,000 digits")
def _(world: World) -> Outcome:
    world.begin(HALF)
    world.sources = (world.from_mirror, world.from_hub)
    world.mirror.faults[f"/{FILE}"] = Fault("says", headers={"Content-Range": f"bytes {HALF}-9/{'9' * 5000}"})
    outcome = world.run()
    assert len(world.mirror.gets()) == 2
    return outcome


@scenario("the Hub says that its file has a billion gigabytes")
def _(world: World) -> Outcome:
    world.hub.linked_size = 10**18
    return world.run()


@scenario("a web page is sent with status 200")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("page")
    return world.run()


@scenario("a server compresses the file on the way")
def _(world: World) -> Outcome:
    world.store.faults[world.stored] = Fault("zip")
    return world.run()


@scenario("the right SHA-256, but not the component's weights")
def _(world: World) -> Outcome:
    from safetensors.torch import save
    from torch import zeros

    content = save({"linear.weight": zeros(1, 3), "other": zeros(2)})
    with new_world(world.folder / "other", content) as other:
        other.sources = (other.from_mirror,)
        outcome = other.run()
        assert other.left() == "nothing"
        return Outcome(outcome.code, outcome.out, other.plain(outcome.err))


@scenario("a source has a name and a password: they are sent, and neither shown nor kept")
def _(world: World) -> Outcome:
    source = world.from_mirror
    world.sources = (type(source)("url", source.place.replace("://", "://someone:secret@"), FILE),)
    outcome = world.run()
    assert {r.headers["authorization"] for r in world.mirror.log} == {"Basic c29tZW9uZTpzZWNyZXQ="}
    assert not [p for p in world.cache.folder.rglob("*") if p.is_file() and b"secret" in p.read_bytes()]
    assert "secret" not in outcome.out + outcome.err + world.run("--list").out + world.run("--json").out
    return outcome


# --- refusals --------------------------------------------------------------------------------------------------------
for status in (401, 403, 404):

    @scenario(f"a plain server answers {status}")
    def _(world: World, status: int = status) -> Outcome:
        world.sources = (world.from_mirror, world.from_hub)
        world.mirror.faults[f"/{FILE}"] = Fault(str(status))
        return world.run()


@scenario("the Hub has no such repository")
def _(world: World) -> Outcome:
    world.hub.hub_errors[REPOSITORY] = (401, "RepoNotFound")
    return world.run()


@scenario("the Hub's repository is gated")
def _(world: World) -> Outcome:
    world.hub.hub_errors[REPOSITORY] = (403, "GatedRepo")
    return world.run()


@scenario("the Hub's repository has no such revision, or no such file")
def _(world: World) -> Outcome:
    kind = type(world.from_hub)
    world.sources = (
        kind("hub", REPOSITORY, FILE, "v9"),
        kind("hub", REPOSITORY, "gone.pth", COMMIT),
        world.from_mirror,
    )
    return world.run()


@scenario("HF_ENDPOINT leads to something that is no Hub")
def _(world: World) -> Outcome:
    world.hub.hub_errors[REPOSITORY] = (200, "")
    return world.run()


@scenario("every source fails")
def _(world: World) -> Outcome:
    world.hub.hub_errors[REPOSITORY] = (404, "EntryNotFound")
    world.mirror.files.clear()
    return world.run()


# --- the cache -------------------------------------------------------------------------------------------------------
@scenario("somebody's own files lie where the cache is told to be")
def _(world: World) -> Outcome:
    _own_files(world.cache.folder / KEY)
    return world.run()


@scenario("the same, and `--remove`")
def _(world: World) -> Outcome:
    _own_files(world.cache.folder / KEY)
    world.run()
    return world.run("--remove")


@scenario("the component's folder is a link to somebody's folder, and `--remove`")
def _(world: World) -> Outcome:
    _own_files(world.folder / "own")
    world.cache.folder.mkdir()
    (world.cache.folder / KEY).symlink_to(world.folder / "own")
    world.run()
    outcome = world.run("--remove")
    assert (world.folder / "own" / "cat.jpg").exists()
    return Outcome(outcome.code, outcome.out, outcome.err, "the link, and what is at its end")


def _own_files(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "cat.jpg").write_bytes(b"a cat")


# --- this machine ----------------------------------------------------------------------------------------------------
def _mounted(world: World, options: str) -> Outcome:
    """Runs with a file system of its own as the cache, in a namespace of its own."""
    world.cache.folder.mkdir()
    script = (
        f'mount -t tmpfs -o {options} none "$0" && "$@"; code=$?; find "$0" -name "*.part" -size +0 >&2; exit $code'
    )
    before = ("unshare", "-rm", "sh", "-c", script, str(world.cache.folder))
    return world.finish(world.start(before=before))


@scenario("the disk is too small (mounted)")
def _(world: World) -> Outcome:
    return _mounted(world, "size=8k")


@scenario("the disk fills up in the middle (mounted)")
def _(world: World) -> Outcome:
    world.sources = (world.from_mirror,)
    world.mirror.files[f"/{FILE}"] = bytes(900_000)
    world.mirror.faults[f"/{FILE}"] = Fault("short", 900_000)  # its length is not said beforehand
    outcome = _mounted(world, "size=600k")
    part = f"{world.cache.part(KEY, world.digest)}\n"
    assert part in outcome.err
    return Outcome(outcome.code, outcome.out, outcome.err.replace(part, ""), "a part")


@scenario("the cache is read-only (mounted)")
def _(world: World) -> Outcome:
    return _mounted(world, "ro")


@scenario("two processes at once: one fetches, the other waits for it")
def _(world: World) -> Outcome:
    fault = world.store.faults[world.stored] = Fault("stall", 2_500_000)
    first = world.start()
    wait_for(lambda: bool(world.store.gets()))
    second = world.start()
    said = second.stderr.readline() if second.stderr else ""
    fault.over.set()
    assert world.finish(first).code == 0
    outcome = world.finish(second)
    assert len(world.store.gets()) == 2  # the first one's two attempts
    return Outcome(outcome.code, outcome.out, said + outcome.err)


@scenario("HF_HUB_OFFLINE with the component in the cache: no request is made")
def _(world: World) -> Outcome:
    world.run()
    for server in (world.hub, world.store, world.mirror):
        server.log.clear()
    outcome = world.finish(world.start(environment={"HF_HUB_OFFLINE": "1"}))
    assert not world.hub.log + world.store.log + world.mirror.log
    return outcome


@scenario("HF_HUB_OFFLINE with an empty cache: no request is made")
def _(world: World) -> Outcome:
    from huggingface_hub import constants

    with mock.patch.object(constants, "HF_HUB_OFFLINE", True):
        outcome = world.run()
    assert not world.hub.log + world.store.log + world.mirror.log
    return outcome


@scenario("the cached file has lost its end: it is fetched again")
def _(world: World) -> Outcome:
    world.run()
    entry = world.entry()
    assert entry is not None
    entry.path.write_bytes(entry.path.read_bytes()[:-9])
    assert world.left() == "a damaged file that does not count"
    return world.run()


@scenario("the cached file has a changed byte: `--verify` finds it")
def _(world: World) -> Outcome:
    world.run()
    entry = world.entry()
    assert entry is not None
    content = bytearray(entry.path.read_bytes())
    content[-5] ^= 1
    entry.path.write_bytes(content)
    outcome = world.run("--verify")
    return Outcome(outcome.code, outcome.out, outcome.err.replace(entry.path.name, "sac….safetensors"))


def table() -> str:
    """docs/faults.md."""
    lines = [
        HEAD.format(size=f"{len(CONTENT):,}"),
        "| fault | exit code | what one sees | left on disk |",
        "|---|---|---|---|",
    ]
    for fault in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(str(row(fault, Path(folder))))
            print(lines[-1])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = table()
    TABLE.write_text(text, encoding="utf-8")
