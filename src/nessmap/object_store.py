"""Results whose home is an object store: `s3://bucket/prefix`. A local folder is their copy, and its name says whose.

What lies below a home is written once under the digest of what is in it, or replaced whole by a single put, which is atomic: so
a copy needs no more than the names of what there is. A segment of the point log is put into the home before it appears in the
copy; what the workflow makes is put there before its rule has ended. Nothing is lost with a copy, and machines that share no
folder may share a home. Credentials and endpoint are those of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_REGION, AWS_ENDPOINT_URL). docs/cluster.md, "An object store".
"""

from __future__ import annotations

import json
import os
import platform
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*)/?")
ENDPOINT = re.compile(r"https?://([A-Za-z0-9.-]+(?::[0-9]+)?)/?")
# of a copy: address, and endpoint if there is one; no part of either has + or @ in it
COPY = re.compile(r"s3\+([a-z0-9.-]+)((?:\+[A-Za-z0-9_.=-]+)*)(?:@([A-Za-z0-9.-]+(?:_[0-9]+)?))?")
ROOT = "zarr.json"  # the object without which a Zarr store is none
N_TRANSFER = 16  # at a time
LEASE_SECONDS = 900.0  # after which a lease that was not renewed is another's
RENEWAL_SECONDS = 180.0  # of a lease
PATIENCE_SECONDS = 600.0  # with a store that has answered before; one that never did is not waited for


class StoreError(RuntimeError):
    """An object store cannot be used."""


class Home:
    """What lies below an address; its objects are named by the files of a folder, their copy."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, Path(os.path.abspath(folder))

    def key(self, path: Path) -> str:
        """The name of a file's object below the address; '' for the folder itself."""
        name = self._named(path).relative_to(self.folder).as_posix()
        return "" if name == "." else name

    def _named(self, path: Path) -> Path:
        """The absolute path."""
        return Path(os.path.abspath(path))

    def url(self, path: Path) -> str:
        """Where a file's object is, for people."""
        return f"{self.address}/{self.key(path)}"

    def put(self, path: Path, content: bytes | Path) -> str | None:
        """Write a file's object, all at once, from bytes or from another file; the tag of what was written."""
        import obstore

        tag: str | None = self._asked("written", obstore.put, self.key(path), content, use_multipart=False)["e_tag"]
        return tag

    def get(self, path: Path) -> bytes | None:
        """The content of a file's object; None if there is none."""
        import obstore

        try:
            return bytes(self._asked("read", lambda store, key: obstore.get(store, key).bytes(), self.key(path)))
        except FileNotFoundError:
            return None

    def has(self, path: Path) -> bool:
        """Whether there is an object of a file."""
        import obstore

        try:
            self._asked("read", obstore.head, self.key(path))
        except FileNotFoundError:
            return False
        return True

    def remove(self, *paths: Path) -> None:
        """Remove the objects of files, which need not be there."""
        import obstore

        if paths:
            self._asked("removed", obstore.delete, [self.key(path) for path in paths])

    def sizes(self, folder: Path) -> dict[Path, int]:
        """Files below a folder that have an object, with its size [bytes]."""
        return {path: meta["size"] for path, meta in self._listed(folder)}

    def fetch(self, folder: Path, suffix: str) -> list[Path]:
        """Bring the copy of `*/*suffix` below a folder up to date: fetch what is missing, delete what is gone at home.

        Returns the paths, sorted.
        """
        folder = self._named(folder)
        # before the objects are listed: a file appears after its object, so that one without an object was removed
        stale = set(folder.glob(f"*/*{suffix}"))
        wanted = {
            path: meta for path, meta in self._listed(folder)
            if path.name.endswith(suffix) and path.parent.parent == folder
        }  # fmt: skip
        for path in stale - wanted.keys():
            path.unlink(missing_ok=True)
        missing = [path for path in wanted if path not in stale or _size(path) != wanted[path]["size"]]
        with ThreadPoolExecutor(N_TRANSFER) as pool:
            list(pool.map(self.fetch_one, missing))
        return sorted(wanted)

    def fetch_one(self, path: Path) -> bool:
        """Make a file what its object is, as old as that; whether there is an object."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            changed = self._asked("read", _to_file, self.key(path), partial)
            os.utime(partial, (changed, changed))
            partial.replace(path)
        except FileNotFoundError:
            return False
        finally:
            partial.unlink(missing_ok=True)
        return True

    def put_folder(self, source: Path, folder: Path) -> None:
        """Make the objects of a folder, a Zarr store, those of a source; while they change there is no store."""
        folder = self._named(folder)
        files = {folder / path.relative_to(source): path for path in source.rglob("*") if path.is_file()}
        there = self.sizes(folder)
        self.remove(*there.keys() & {folder / ROOT})
        first = sorted(files.keys() - {folder / ROOT})
        with ThreadPoolExecutor(N_TRANSFER) as pool:
            tags = dict(zip(first, pool.map(lambda name: self.put(name, files[name]), first), strict=True))
        self.remove(*there.keys() - files.keys())
        tags[folder / ROOT] = self.put(folder / ROOT, files[folder / ROOT])
        # what is missing would be read as NaN, and a mixture of two as anything
        if {path: meta["e_tag"] for path, meta in self._listed(folder)} != tags:
            self.remove(folder / ROOT)
            raise StoreError(f"{self.url(folder)}: another process wrote it at the same time; repeat the command")

    @contextmanager
    def lease(self, path: Path, work: str) -> Iterator[Callable[[], None]]:
        """Alone with the work that a file's object stands for; yields what raises if that is no longer so. StoreError if
        somebody else has it.

        It is renewed while the process lives; one that was killed keeps it for LEASE_SECONDS.
        """
        tag: str | None = self._take(path, work)
        one_at_a_time, ended = threading.Lock(), threading.Event()

        def renew() -> None:
            nonlocal tag
            with one_at_a_time:
                tag = tag and self._put_if(path, {"e_tag": tag})
            if tag is None:
                raise StoreError(
                    f"{self.url(path)}: taken by another process, as this one was slow; repeat the command"
                )

        def keep() -> None:
            while not ended.wait(RENEWAL_SECONDS):
                with suppress(StoreError):
                    renew()

        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()
        try:
            yield renew
        finally:
            ended.set()
            keeper.join()
            with suppress(StoreError):
                renew()  # only what is still this process's is given back
                self.remove(path)

    def _take(self, path: Path, work: str) -> str:
        import obstore

        if tag := self._put_if(path, "create"):
            return tag
        with suppress(FileNotFoundError):  # given back since
            there = self._asked("read", obstore.head, self.key(path))
            abandoned = time.time() - there["last_modified"].timestamp() > LEASE_SECONDS
            if abandoned and (tag := self._put_if(path, {"e_tag": there["e_tag"]})):
                return tag
        other = json.loads(self.get(path) or b"{}")
        who = f"process {other.get('pid', '?')} on {other.get('host', '?')}"
        raise StoreError(
            f"{self.url(path)}: {work} is running ({who}); repeat this when it is over, or"
            f" {LEASE_SECONDS / 60:.0f} minutes after it was killed"
        )

    def _put_if(self, path: Path, mode: Any) -> str | None:
        """Write who holds a lease; the tag of what was written, None if the object was not what the mode says."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        # never the same content twice: tags may be digests of it
        holder = {"host": platform.node(), "pid": os.getpid(), "renewal": uuid.uuid4().hex}
        text = json.dumps(holder).encode()
        try:
            put = self._asked("written", obstore.put, self.key(path), text, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return None
        return str(put["e_tag"])

    def _listed(self, folder: Path) -> list[tuple[Path, Any]]:
        import obstore

        found = self._asked("listed", lambda store, key: obstore.list(store, key).collect(), self.key(folder))
        return [(self.folder / meta["path"], meta) for meta in found]

    def _asked(self, what: str, ask: Callable[..., Any], *words: Any, **options: Any) -> Any:
        """What the store answers; StoreError, in words, if it does not."""
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        try:
            answer = ask(_client(self.address, self.address in _answered), *words, **options)
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, FileNotFoundError) as error:
            reason = " ".join(str(error).split())
            if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in reason:
                raise
            said = next((text for sign, text in _REASONS.items() if sign in reason), reason[:200])
            raise StoreError(f"{self.address}: cannot be {what} ({said})") from None
        _answered.add(self.address)
        return answer


_answered: set[str] = set()  # addresses of stores that were there once: from then on hiccups are waited for
_REASONS = {
    "NoSuchBucket": "there is no such bucket; create it",
    "169.254.169.254": "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "403 Forbidden": "access is denied; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may write there",
    "error sending request": "no answer; is AWS_ENDPOINT_URL right, and the network there?",
}


@lru_cache(maxsize=8)
def _client(address: str, is_known: bool) -> Any:
    from obstore.store import from_url

    # plain HTTP only where an endpoint asks for it by name; a timeout is one of a whole transfer
    options: Any = {
        "allow_http": os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"),
        "connect_timeout": "10s",
        "timeout": f"{PATIENCE_SECONDS:.0f}s",
    }
    retries: Any = {"max_retries": 100 if is_known else 4, "retry_timeout": timedelta(seconds=2 * PATIENCE_SECONDS)}
    return from_url(address, client_options=options, retry_config=retries)


def _to_file(store: Any, key: str, path: Path) -> float:
    """Write an object to a file; when it was changed last [s since 1970]."""
    import obstore

    found = obstore.get(store, key)
    with path.open("wb") as file:
        for chunk in found.stream():
            file.write(chunk)
    return float(found.meta["last_modified"].timestamp())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def results_folder(text: str, below: Path) -> Path:
    """The folder of results that are given as a folder or an address; of an address the copy, below a folder of copies."""
    if "://" not in text:
        return Path(text)
    match = ADDRESS.fullmatch(text)
    if not match:
        raise StoreError(f"results = {text}, expected a folder or an address like s3://bucket/prefix")
    if not find_spec("obstore"):
        raise StoreError(f"results = {text} needs obstore, which speaks with object stores: pip install 'nessmap[s3]'")
    endpoint = _endpoint()
    return below / f"s3+{match[1]}{match[2].replace('/', '+')}{'@' if endpoint else ''}{endpoint}"


def home_of(path: Path) -> Home | None:
    """The home of what lies in a folder of results, or of that folder; None where the folder itself is all there is."""
    whole = Path(os.path.abspath(path))
    for folder in (whole, *whole.parents):
        if match := COPY.fullmatch(folder.name):
            address = f"s3://{match[1]}{match[2].replace('+', '/')}"
            if (match[3] or "") != _endpoint():
                there = f"AWS_ENDPOINT_URL=.../{match[3].replace('_', ':')}" if match[3] else "no AWS_ENDPOINT_URL"
                raise StoreError(f"{folder}: the copy of {address} with {there}; set that, or give the address anew")
            return Home(address, folder)
    return None


def _endpoint() -> str:
    """Host and port of the endpoint in the environment, as the name of a copy has it; '' for Amazon's own."""
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"):  # obstore obeys them, too
        if os.environ.get(name, url) != url:
            raise StoreError(f"{name} = {os.environ[name]}, expected none; set AWS_ENDPOINT_URL instead")
    match = ENDPOINT.fullmatch(url)
    if url and not match:
        raise StoreError(f"AWS_ENDPOINT_URL = {url}, expected https://host or http://host:port")
    return match[1].replace(":", "_") if match else ""


def write_text(path: Path, text: str) -> None:
    """Write a small file of results whole or not at all, here and at home."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{uuid.uuid4().hex}.partial")  # two nodes may have the same process numbers
    partial.write_text(text)
    partial.replace(path)
    publish(path)


def publish(*paths: Path) -> None:
    """Put files, or Zarr stores, into the home of the results that they are part of, if there is one."""
    for path in paths:
        if home := home_of(path):
            if path.is_dir():
                home.put_folder(path, path)
            else:
                home.put(path, path)


def withdraw(paths: Iterable[Path]) -> None:
    """Remove files from the home of their results, if there is one, and then here."""
    listed = list(paths)
    if listed and (home := home_of(listed[0])):  # all are of the same results
        home.remove(*listed)
    for path in listed:
        path.unlink(missing_ok=True)
