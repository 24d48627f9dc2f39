"""Results whose home is an object store: `s3://bucket/prefix`. A local folder is their copy, and remembers whose it is.

What lies below a home is written once under the digest of what is in it, or replaced whole by a single put, which is atomic: so
a copy needs no more than the names of what there is. Everything is put into the home before it appears in the copy. Nothing is
lost with a copy, and machines that share no folder may share a home. Credentials and endpoint are those of the environment
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL). docs/scale.md, "An object store".
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*)/?")
MARK = ".object-store"  # in a copy: the address of its home
ROOT = "zarr.json"  # the object without which a Zarr store is none
N_TRANSFER = 16  # at a time
LEASE_SECONDS = 900.0  # after which a lease that was not renewed is another's: longer than any step of upkeep


class StoreError(RuntimeError):
    """An object store cannot be used."""


class Home:
    """What lies below an address; its objects are named by the files of a folder, their copy."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder

    def key(self, path: Path) -> str:
        """The name of a file's object below the address; '' for the folder itself."""
        name = Path(os.path.abspath(path)).relative_to(os.path.abspath(self.folder)).as_posix()
        return "" if name == "." else name

    def url(self, path: Path) -> str:
        """Where a file's object is, for people."""
        return f"{self.address}/{self.key(path)}"

    def put(self, path: Path, content: bytes | Path) -> None:
        """Write a file's object, all at once, from bytes or from another file."""
        import obstore

        self._asked("written", obstore.put, self.key(path), content, use_multipart=False)

    def get(self, path: Path) -> bytes | None:
        """The content of a file's object; None if there is none."""
        import obstore

        try:
            return bytes(self._asked("read", obstore.get, self.key(path)).bytes())
        except FileNotFoundError:
            return None

    def remove(self, *paths: Path) -> None:
        """Remove the objects of files, which need not be there."""
        import obstore

        if paths:
            self._asked("removed", obstore.delete, [self.key(path) for path in paths])

    def sizes(self, folder: Path) -> dict[Path, int]:
        """Files below a folder that have an object, with its size [bytes]."""
        return {path: meta["size"] for path, meta in self._listed(folder)}

    def fetch(self, folder: Path, suffix: str) -> list[Path]:
        """Make the files with a suffix in subfolders of a folder those that have an object; which they are, by name."""
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
            for path in filter(None, pool.map(self.fetch_one, missing)):
                changed = wanted[path]["last_modified"].timestamp()
                os.utime(path, (changed, changed))
        return sorted(wanted)

    def fetch_one(self, path: Path) -> Path | None:
        """Make a file what its object is; None if there is no object."""
        import obstore

        try:
            found = self._asked("read", obstore.get, self.key(path))
        except FileNotFoundError:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            with partial.open("wb") as file:
                for chunk in found.stream():
                    file.write(chunk)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return path

    def put_folder(self, source: Path, folder: Path) -> None:
        """Make the objects of a folder, a Zarr store, those of a source; while they change there is no store."""
        files = {folder / path.relative_to(source): path for path in source.rglob("*") if path.is_file()}
        there = self.sizes(folder)
        self.remove(*there.keys() & {folder / ROOT})
        with ThreadPoolExecutor(N_TRANSFER) as pool:
            list(pool.map(lambda name: self.put(name, files[name]), files.keys() - {folder / ROOT}))
        self.remove(*there.keys() - files.keys())
        self.put(folder / ROOT, files[folder / ROOT])

    @contextmanager
    def lease(self, path: Path) -> Iterator[Callable[[], None]]:
        """Alone with what a file's object stands for; yields what renews it. StoreError if somebody else has it.

        A process that was killed keeps it for LEASE_SECONDS.
        """
        holder = {"host": platform.node(), "pid": os.getpid(), "lease": uuid.uuid4().hex}
        tag: str | None = self._take(path, holder)

        def renew() -> None:
            nonlocal tag
            tag = self._put_if(path, holder, {"e_tag": tag})
            if tag is None:
                raise StoreError(
                    f"{self.url(path)}: taken by another process, as this one was slow; repeat the command"
                )

        try:
            yield renew
        finally:
            if tag is not None:
                self.remove(path)

    def _take(self, path: Path, holder: dict[str, Any]) -> str:
        import obstore

        tag = self._put_if(path, holder, "create")
        if tag is None:
            try:
                there = self._asked("read", obstore.head, self.key(path))
            except FileNotFoundError:  # given back since
                return self._take(path, holder)
            if time.time() - there["last_modified"].timestamp() > LEASE_SECONDS:
                tag = self._put_if(path, holder, {"e_tag": there["e_tag"]})
        if tag is None:
            other = json.loads(self.get(path) or b"{}")
            who = f"process {other.get('pid', '?')} on {other.get('host', '?')}"
            raise StoreError(
                f"{self.url(path)}: compact, gc or forget is running ({who}); repeat this when it is over, or"
                f" {LEASE_SECONDS / 60:.0f} minutes after it was killed"
            )
        return tag

    def _put_if(self, path: Path, content: dict[str, Any], mode: Any) -> str | None:
        """Tag of what was written; None if the object was not what the mode says."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        text = json.dumps(content).encode()
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
            return ask(_client(self.address), *words, **options)
        except (AlreadyExistsError, PreconditionError):
            raise
        except BaseError as error:
            reason = " ".join(str(error).split())
            said = next((text for sign, text in _REASONS.items() if sign in reason), reason[:200])
            raise StoreError(f"{self.address}: cannot be {what} ({said})") from None


_REASONS = {
    "NoSuchBucket": "there is no such bucket; create it",
    "169.254.169.254": "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "403 Forbidden": "access is denied; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may write there",
    "error sending request": "no answer; is AWS_ENDPOINT_URL right, and the network there?",
}


@lru_cache(maxsize=8)
def _client(address: str) -> Any:
    from obstore.store import from_url

    # plain HTTP only where an endpoint asks for it by name
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    retries: Any = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
    return from_url(address, client_options={"allow_http": plain, "timeout": "60s"}, retry_config=retries)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def results_folder(text: str, below: Path) -> Path:
    """The folder of results that are given as a folder or an address; of an address the copy, `below`/s3/bucket/prefix."""
    if "://" not in text:
        return Path(text)
    match = ADDRESS.fullmatch(text)
    if not match:
        raise StoreError(f"results = {text}, expected a folder or an address like s3://bucket/prefix")
    if not find_spec("obstore"):
        raise StoreError(f"results = {text} needs obstore, which speaks with object stores: pip install 'nessmap[s3]'")
    address = f"s3://{match[1]}{match[2]}"
    folder = below / "s3" / match[1] / match[2].strip("/")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text(address + "\n")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}); it is the copy of {address}") from None
    return folder


def home_of(path: Path) -> Home | None:
    """The home of what lies in a folder of results, or of that folder; None where the folder itself is all there is."""
    whole = Path(os.path.abspath(path))
    for folder in (whole, *whole.parents):
        try:
            return Home((folder / MARK).read_text().strip(), folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return None


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
    for path in paths:
        if home := home_of(path):
            home.remove(path)
        path.unlink(missing_ok=True)
