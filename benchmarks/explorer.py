"""The explorer's page at two sizes, in a real browser: its size, the time to the first drawing, a slider's step, requests.

    python benchmarks/explorer.py [--keep FOLDER]

Phase diagrams are made up here, with axes, errors and theory like a sweep's. Times lie inside the page, by performance.now: the
first drawing from the start of the navigation to the frame that shows it, a slider's step from the event to the frame after it.
Needs chromium on the path. Median of a few openings, and the range of them. The same numbers as a store, opened in xarray.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr

from nessmap import explorer
from nessmap.assembly import write_store

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
# points of the axes, observables, times the page is opened
SIZES = {"3,250 points": ((13, 10, 25), 12, 7), "100,000 points": ((100, 50, 20), 12, 5)}

# the moment at which the frame with the first drawing has been painted
WATCH = """
let drawn;
window.firstDrawing = new Promise((resolve) => (drawn = resolve));
new MutationObserver((_, watcher) => {
  if (!document.body || !document.body.dataset.opened) return;
  watcher.disconnect();
  requestAnimationFrame(() => setTimeout(() => drawn(performance.now())));
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-opened"] });
"""
STEPS = """
async () => {
  const slider = document.querySelector("#sliders input");
  const times = [];
  for (let k = 0; k < 30; k++) {
    await new Promise((next) => setTimeout(next, 30));
    slider.value = k % (Number(slider.max) + 1);
    const began = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const drawn = performance.now();
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
    times.push([drawn - began, performance.now() - began]);
  }
  return times;
}
"""
OTHER_OBSERVABLE = """
async () => {
  const choice = document.querySelector("#observable");
  choice.value = "5";
  const began = performance.now();
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  while (!document.title.startsWith("observable 5")) await new Promise((next) => setTimeout(next));
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  return performance.now() - began;
}
"""


def diagram(sizes: tuple[int, int, int], n_observable: int, seed: int = 0) -> xr.Dataset:
    """A phase diagram as the product has it: an unstable side, normal errors, theory on the grid and finer along each axis."""
    rng = np.random.default_rng(seed)
    low, high = (0.1, 0.0, 0.01), (1.3, 1.0, 1.0)
    dims = ("coupling", "shift", "noise")
    axes = {dim: np.linspace(a, b, n) for dim, a, b, n in zip(dims, low, high, sizes, strict=True)}
    lines = {dim: np.linspace(a, b, 10 * (n - 1) + 1) for dim, a, b, n in zip(dims, low, high, sizes, strict=True)}

    def rate(coupling, shift, noise):
        return coupling - 1 + 0 * shift + 0 * noise

    def theory(k, coupling, shift, noise):
        inside = np.where(coupling < 1, coupling, np.nan)
        return (1 + k) * shift**2 * inside / (1.1 - inside) + noise

    def on(values):
        return np.meshgrid(*(values[dim] for dim in dims), indexing="ij")

    dataset = xr.Dataset(coords={dim: (dim, values, {"long_name": dim, "units": "1"}) for dim, values in axes.items()})
    status = np.where(rate(*on(axes)) < 0, 1, 2).astype(np.int8)
    dataset["status"] = (dims, status, {"flag_meanings": "absent ok unstable diverged short_run failed timeout"})
    dataset["leading_rate"] = (dims, rate(*on(axes)))
    dataset["wall_time"] = (dims, rng.uniform(0.1, 0.3, sizes))
    dataset["key"] = (dims, np.array([rng.bytes(16).hex() for _ in range(status.size)], object).reshape(sizes))
    for dim in dims:
        fine = on({**axes, dim: lines[dim]})
        along = tuple(f"{d}_line" if d == dim else d for d in dims)
        dataset.coords[f"{dim}_line"] = (f"{dim}_line", lines[dim])
        dataset[f"leading_rate_line_{dim}"] = (along, rate(*fine))
        for k in range(n_observable):
            dataset[f"obs{k}_theory_line_{dim}"] = (along, theory(k, *fine))
    run = status == 1
    for k in range(n_observable):
        exact = theory(k, *on(axes))
        error = np.where(run, 0.02 * np.abs(exact) * rng.uniform(0.8, 1.2, sizes), np.nan)
        facts = {"units": "k_B / time", "long_name": f"observable {k}", "signed": k % 2, "theory_kind": "exact"}
        dataset[f"obs{k}"] = (dims, exact + error * rng.standard_normal(sizes), {**facts, "references": "none"})
        dataset[f"obs{k}_standard_error"] = (dims, error)
        dataset[f"obs{k}_theory"] = (dims, exact)
        dataset[f"obs{k}_expected"] = (dims, exact)
        flags = {"flag_meanings": "estimate zero undefined no_run"}
        dataset[f"obs{k}_flag"] = (dims, np.where(run, 0, 3).astype(np.int8), flags)
    dataset.attrs = {"sweep": "made_up", "title": "made up", "model": "none", "source": "none", "seed": 0}
    dataset.attrs |= {"kernel_version": 1, "content_digest": "0" * 32, "git_commit": "none"}
    return dataset


def middle(values: list[float]) -> str:
    return f"{np.median(values):.0f} ms ({min(values):.0f} to {max(values):.0f})"


def measure(browser, page: Path, n_opened: int) -> dict[str, str]:
    """What a person waits for, of one page."""
    first, requests, link = [], 0, 0
    for _ in range(n_opened):
        view = browser.new_page(viewport={"width": 1280, "height": 1000})
        view.add_init_script(WATCH)
        asked: list[str] = []
        view.on("request", lambda request, asked=asked: asked.append(request.url))
        view.goto(page.as_uri())
        first.append(view.evaluate("window.firstDrawing"))
        steps = np.array(view.evaluate(STEPS))
        other = view.evaluate(OTHER_OBSERVABLE)
        requests += sum(not url.startswith(("file:", "data:", "blob:")) for url in asked)
        link = len(view.evaluate("location.hash"))
        view.close()
    return {
        "size": f"{page.stat().st_size / 1e3:.0f} kB",
        "first drawing": middle(first),
        "slider step": f"{middle(list(steps[:, 1]))}, of which script {middle(list(steps[:, 0]))}",
        "another observable": f"{other:.0f} ms",
        "state in the link": f"{link} characters",
        "requests": str(requests),
    }


def in_xarray(dataset: xr.Dataset, store: Path) -> str:
    """Seconds to open the store, with nothing loaded, and to read a map out of it."""
    write_store(dataset, store)
    began = time.perf_counter()
    with xr.open_zarr(store) as opened:
        ready = time.perf_counter() - began
        opened["obs0"].isel(noise=0).load()
        return f"{ready:.2f} s to open, {time.perf_counter() - began:.2f} s to a map"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the pages there")
    arguments = options.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium on the path: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, (sizes, n_observable, n_opened) in SIZES.items():
            page = (arguments.keep or Path(scratch)) / f"{np.prod(sizes)}.html"
            dataset = diagram(sizes, n_observable)
            began = time.perf_counter()
            explorer.write(dataset, "nessmap point made_up", page)
            print(f"{name}, {n_observable} observables; made in {time.perf_counter() - began:.1f} s")
            print(f"  {'in xarray':20}{in_xarray(dataset, Path(scratch) / f'{page.stem}.zarr')}")
            for what, found in measure(browser, page, n_opened).items():
                print(f"  {what:20}{found}")
        browser.close()


if __name__ == "__main__":
    main()
