// From packed text to typed arrays: base64, inflate, bytes back in their places.

async function inflated(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// dropped: bits that differences of neighbours are given without; undefined where numbers stand themselves.
async function numbers(text, dropped) {
  const bytes = await inflated(text);
  const n = bytes.length / 4;
  const words = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    words[i] = (bytes[i] | (bytes[n + i] << 8) | (bytes[2 * n + i] << 16) | (bytes[3 * n + i] << 24)) >>> 0;
  }
  if (dropped !== undefined) {
    for (let i = 1; i < n; i++) words[i] += words[i - 1];
    for (let i = 0; i < n; i++) words[i] <<= dropped;
  }
  return new Float32Array(words.buffer);
}

async function unpackedLines(lines) {
  const made = {};
  for (const [axis, line] of Object.entries(lines)) {
    made[axis] = { at: await numbers(line.at), values: await numbers(line.values, line.dropped) };
  }
  return made;
}

// The phase diagram with its arrays; those of an observable when it is first looked at.
async function unpacked(data) {
  [data.status, data.rate, data.rate_lines, data.wall_time, data.keys] = await Promise.all([
    inflated(data.status), numbers(data.rate), unpackedLines(data.rate_lines), numbers(data.wall_time), inflated(data.keys),
  ]);
  data.axisOf = Object.fromEntries(data.axes.map((axis) => [axis.name, axis]));
  data.swept = data.axes.slice(0, data.n_swept).map((axis) => axis.name);
  return data;
}

async function unpackObservable(observable) {
  if (observable.ready) return;
  const known = observable.expected;
  const found = await Promise.all([
    ...["value", "error", "theory"].map((part) => numbers(observable[part])),
    known ? numbers(known) : null, inflated(observable.flag), unpackedLines(observable.lines),
  ]);
  [observable.value, observable.error, observable.theory, observable.expected, observable.flag, observable.lines] = found;
  observable.expected = observable.expected || observable.theory;
  const { value, error, expected, flag } = observable;
  observable.z = value.map((v, i) => (flag[i] === 0 && error[i] > 0 ? (v - expected[i]) / error[i] : NaN));
  observable.ready = true;
}

// Position in an array over `names` of the cell whose index along every axis is at[name].
function offset(data, names, at) {
  return names.reduce((sum, name) => sum * data.axisOf[name].n + at[name], 0);
}

// How far apart in an array over `names` two cells are that follow each other along an axis; 0 along an axis of other arrays.
function stride(data, names, axis) {
  const place = names.indexOf(axis);
  return place < 0 ? 0 : names.slice(place + 1).reduce((product, name) => product * data.axisOf[name].n, 1);
}

// Theory finer than the grid along one axis, through the cell at[name].
function onLine(data, names, line, axis, at) {
  const n = line.at.length;
  const first = offset(data, names.filter((name) => name !== axis), at) * n;
  return line.values.subarray(first, first + n);
}

function keyOf(data, cell) {
  return Array.from(data.keys.slice(16 * cell, 16 * cell + 16), (b) => b.toString(16).padStart(2, "0")).join("");
}
