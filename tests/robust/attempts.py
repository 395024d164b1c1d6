"""Kills a command at each of its writes, and gives it disks of every small size; says what became of each attempt.

`python attempts.py kill|full stylize|sweep` works in the current folder, which is empty, and prints what it saw (JSON).
An attempt that ends as none may is an AssertionError. The command runs in forks of one process, so that libraries and
models are loaded once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

COMMANDS = {
    "stylize": "stylize photo.png oil --steps 2 --seed 1 -n 2 -o out/a.png --preview-path out/p.png --force",
    "sweep": "sweep photo.png oil --lambda 0,1 --seed 1 -o out/s --models lite --size 64 --steps 1 --guidance-scale 0"
    " --device cpu --dtype fp32",
}
DONE = {
    "stylize": ("a-1.png", "a-2.png"),
    "sweep": ("s/cells/1-lambda-0.png", "s/cells/2-lambda-1.png", "s/grid.png", "s/index.html", "s/manifest.csv",
              "s/manifest.json"),
}  # fmt: skip
KILLED = -signal.SIGKILL
WHERE = Path("out")
WRITING = os.O_WRONLY | os.O_RDWR
Before = Callable[[], None]


def nothing() -> None:
    """Before a run that nobody disturbs."""


class KillAt:
    """Kills this process before the nth event of its writing below `WHERE`, or with half of a file on disk."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self) -> None:
        sys.addaudithook(self.see)
        sync = os.fsync

        def synced(descriptor: int) -> None:
            size = os.fstat(descriptor).st_size
            self.count(lambda: os.ftruncate(descriptor, size // 2))
            self.count()
            sync(descriptor)

        os.fsync = synced

    def see(self, event: str, arguments: tuple[object, ...]) -> None:
        """Counts what changes a file."""
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        if event in ("open", "os.rename", "os.link", "os.remove", "os.mkdir") and str(WHERE) in str(arguments[0]):
            self.count()

    def count(self, first: Before = nothing) -> None:
        """One event; the last one is the end."""
        self.left -= 1
        if self.left == 0:
            first()
            os.kill(os.getpid(), signal.SIGKILL)


def limited(size: int) -> Before:
    """Files end at `size` bytes, as on a disk that fills up."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def run(command: str, before: Before = nothing) -> tuple[int, str]:
    """Exit code (or minus the signal) and standard error of a command in a fork."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(write, 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 0)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "wb", closefd=False), write_through=True)
        code = 99
        with contextlib.suppress(BaseException):
            before()
            from diffstyler_cli.cli.app import run as diffstyler

            code = diffstyler(COMMANDS[command].split())
        os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def whole(folder: Path) -> list[str]:
    """The results below `folder`, each found to be whole; files under way to their own names left out."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.name.startswith(".diffstyler-") or path.name == ".lock":
            continue
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix == ".json":
            json.loads(path.read_bytes())
        else:
            assert path.read_bytes().rstrip().endswith((b"</html>", b",")) or path.suffix == ".csv", name
        found.append(name)
    return found


def is_complete(command: str) -> bool:
    """Whether every result is there and nothing else."""
    names = {path for path in whole(WHERE) if path != "p.png"}
    stale = list(WHERE.rglob(".diffstyler-*"))
    return names == set(DONE[command]) and not stale


def fresh() -> None:
    """An empty folder for the results."""
    shutil.rmtree(WHERE, ignore_errors=True)
    WHERE.mkdir()


def kills(command: str) -> Counter[str]:
    """Kills the command at its first event, at its second, and so on until it ends by itself."""
    seen: Counter[str] = Counter()
    for number in range(1, 1000):
        fresh()
        code, said = run(command, KillAt(number))
        if code == 0:
            assert is_complete(command)
            return seen
        assert code == KILLED, (number, code, said)
        there = len([name for name in whole(WHERE) if name in DONE[command]])
        code, said = run(command)
        assert code == 0, (number, said)
        assert is_complete(command), (number, sorted(WHERE.rglob("*")))
        kept = "all" if there == len(DONE[command]) else "some, whole" if there else "nothing yet"
        seen[f"{command}: {kept}; completed by the next run"] += 1
    raise AssertionError("it does not end")


def full(command: str, sizes: list[int], limit: bool) -> Counter[str]:
    """Runs the command where so many bytes find room: in a file, or on the file system of the current folder."""
    seen: Counter[str] = Counter()
    kept, filler = Path(tempfile.gettempdir()), Path("filler")
    for size in sizes:
        filler.unlink(missing_ok=True)
        fresh()
        if not limit:
            free = shutil.disk_usage(WHERE).free
            filler.write_bytes(bytes(max(0, free - size)))
        code, said = run(command, limited(size) if limit else nothing)
        assert "Traceback" not in said, said
        assert "Unexpected" not in said, said
        found = [name for name in whole(WHERE) if name in DONE[command]]
        elsewhere = list(kept.glob("*.png"))
        if code == 0:
            assert is_complete(command), (size, found)
            seen[f"{command}: done"] += 1
        else:
            assert code in (1, 6), (size, code, said)
            assert "full" in said or "of disk" in said, said
            assert not list(WHERE.rglob(".diffstyler-*")), "cleared up"
            assert all(str(path) in said for path in elsewhere), (elsewhere, said)
            left = "what was finished is there, whole" if found else "nothing is left of it"
            seen[f"{command}: said to be full; {'a picture is kept elsewhere' if elsewhere else left}"] += 1
        for path in elsewhere:
            with Image.open(path) as picture:
                picture.load()
            path.unlink()
    filler.unlink(missing_ok=True)
    return seen


def main() -> None:
    """One kind of attempt on one command."""
    kind, command = sys.argv[1:3]
    if command == "stylize":
        import fake_app

        fake_app.install()
    else:
        from diffstyler_cli import Stylizer

        loaded = Stylizer.load("lite", device="cpu", dtype="fp32")
        Stylizer.load = lambda *arguments, **settings: loaded  # type: ignore[method-assign, assignment]
    Image.linear_gradient("L").resize((96, 72)).convert("RGB").save("photo.png")
    if kind == "kill":
        seen = kills(command)
    else:
        seen = full(command, [int(size) for size in sys.argv[4:]], sys.argv[3] == "limit")
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
