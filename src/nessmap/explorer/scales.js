// Axes: where values lie, where cells end, which numbers stand at ticks.

function niceTicks(low, high, n) {
  if (!(high > low)) return [low];
  const raw = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const made = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) made.push(Number((k * step).toPrecision(12)));
  return made;
}

function logTicks(low, high) {
  const made = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++) made.push(10 ** k);
  const inside = made.filter((t) => t >= low * 0.999 && t <= high * 1.001);
  if (inside.length >= 2) return inside.filter((_, i) => i % Math.ceil(inside.length / 7) === 0);
  return niceTicks(low, high, 4).filter((t) => t > 0);
}

function label(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e4 || size < 1e-3 ? value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e") : String(Number(value.toPrecision(4)));
  return text.replace("-", "\u2212");
}

// A scale over a coordinate: at(value), inside(value) and position(index) in pixels, edges of its cells, ticks.
function scaleOf(coordinate, from, to) {
  const values = coordinate.words ? coordinate.values.map((_, i) => i) : coordinate.values;
  const log = coordinate.geometric;
  const f = log ? Math.log : (v) => v;
  const places = values.map(f);
  const edges = places.slice(1).map((p, i) => (p + places[i]) / 2);
  const n = places.length;
  const first = n > 1 ? places[0] - (edges[0] - places[0]) : places[0] - 0.5;
  const last = n > 1 ? places[n - 1] + (places[n - 1] - edges[n - 2]) : places[0] + 0.5;
  const pixel = (p) => from + ((p - first) / (last - first)) * (to - from);
  const low = log ? Math.exp(first) : first;
  const high = log ? Math.exp(last) : last;
  const ticks = coordinate.words
    ? values.map((v) => [pixel(v), coordinate.values[v]])
    : (log ? logTicks(low, high) : niceTicks(low, high, 7)).map((v) => [pixel(f(v)), label(v)]);
  const at = (v) => pixel(f(v));
  // what lies outside is at the end that it is beyond; on a logarithmic scale zero and less are beyond the low one
  const inside = (v) => (log && !(v > 0) ? from : Math.min(Math.max(at(v), Math.min(from, to)), Math.max(from, to)));
  return { at, inside, position: (i) => pixel(places[i]), edges: [first, ...edges, last].map(pixel), ticks, values, words: coordinate.words };
}

// A coordinate whose values are each there once: numbers in order, words as they first come.
function distinct(c) {
  return { ...c, values: c.words ? [...new Set(c.values)] : [...new Set(c.values)].sort((a, b) => a - b) };
}

// Where the i-th value of a coordinate lies, on a scale over its distinct values: place(i) in pixels.
function placeOn(scale, c) {
  const nth = c.words ? new Map(distinct(c).values.map((v, i) => [v, i])) : null;
  return (i) => (nth ? scale.position(nth.get(c.values[i])) : scale.at(c.values[i]));
}

function unitsIn(text) {
  return text && text !== "1" ? ` [${text}]` : "";
}

function titleOf(coordinate) {
  return coordinate.long_name + unitsIn(coordinate.units);
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

function text(x, y, content, more = "") {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(content)}</text>`;
}
