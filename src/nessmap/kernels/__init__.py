"""Inner loops in numba; nothing else of nessmap is imported here.

numba's disk cache looks at the file that defines a kernel, not at the functions it calls, so an edit in random.py would
leave a stale amari_field kernel behind. The cache folder therefore carries one digest of all kernel files; it has to be
chosen before numba is imported, as has the width of vectors, which is why importing this package does both.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path


def source_digest() -> str:
    """Digest of every kernel file, in name order."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _cache_folder() -> str:
    own = f"numba-{source_digest()}"
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):  # by the user, or by the process that started this one
        return chosen if Path(chosen).name == own else str(Path(chosen) / own)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "nessmap" / own
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return str(folder)
    except OSError:
        pass
    return str(Path(tempfile.gettempdir()) / f"nessmap-{os.getuid()}" / folder.name)


def _widest_vectors() -> dict[str, str]:
    """LLVM halves AVX-512 vectors on most Intel processors; whole ones make 1.5 times as many normals a second."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if not features.get("avx512f"):
        return {}
    return {
        "NUMBA_CPU_NAME": binding.get_host_cpu_name(),
        "NUMBA_CPU_FEATURES": features.flatten() + ",-prefer-256-bit",
    }


def _configure_numba() -> None:
    os.environ["NUMBA_CACHE_DIR"] = _cache_folder()
    if not {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"} & os.environ.keys():
        os.environ |= _widest_vectors()
    if "numba" in sys.modules:  # numba read its environment already
        sys.modules["numba"].config.reload_config()


_configure_numba()
