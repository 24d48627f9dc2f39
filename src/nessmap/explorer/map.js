// The main panel as a map over two axes, and what its other forms share: colours, frame, legend.

const SHOWN = [
  ["value", "estimate"],
  ["error", "standard error"],
  ["theory", "theory"],
  ["z", "z-score"],
];
const SIZE = { width: 640, height: 580, left: 72, right: 84, top: 34, bottom: 74 };
const Z_STEPS = [-3, -2, -1, 1, 2, 3];
const Z_SHADES = [0, 0.17, 0.33, 0.5, 0.69, 0.83, 1];

function shade(table, share) {
  const nodes = TABLES[table];
  const place = Math.min(Math.max(share, 0), 1) * (nodes.length - 1);
  const i = Math.min(Math.floor(place), nodes.length - 2);
  const part = (k) => [0, 2, 4].map((c) => parseInt(nodes[k].slice(c, c + 2), 16));
  const [a, b] = [part(i), part(i + 1)];
  return `rgb(${a.map((v, c) => Math.round(v + (b[c] - v) * (place - i))).join(",")})`;
}

// What was computed of an observable or an axis and stays as long as these words do.
function remembered(owner, words, compute) {
  owner.memory ??= {};
  return (owner.memory[words] ??= compute());
}

// Numbers at the same lag, time or wavenumber as the cell, unless that is an axis of the map: all that sliders of parameters show.
function comparable(data, observable, part, state) {
  const shown = [state.x, state.y].map((c) => c && c.axis);
  const held = observable.axes.slice(data.n_swept).filter((name) => !shown.includes(name));
  if (!held.length) return observable[part];
  const sizes = observable.axes.map((name) => data.axisOf[name].n);
  return observable[part].filter((_, k) => {
    for (let a = sizes.length - 1, rest = k; a >= 0; a--) {
      const i = rest % sizes[a];
      rest = (rest - i) / sizes[a];
      if (held.includes(observable.axes[a]) && i !== state.at[observable.axes[a]]) return false;
    }
    return true;
  });
}

// Range of the colours: the central 98 % of all finite numbers, about zero where they have a sign.
function rangeOf(data, observable, part, state) {
  const shown = [state.x, state.y].map((c) => c && c.axis);
  const held = observable.axes.slice(data.n_swept).filter((name) => !shown.includes(name));
  const words = ["range", part, state.log, ...held.map((name) => `${name}=${state.at[name]}`)].join();
  return remembered(observable, words, () => rangeOfAll(data, observable, part, state));
}

function rangeOfAll(data, observable, part, state) {
  const log = state.log;
  const all = comparable(data, observable, part, state).filter((v) => Number.isFinite(v) && (!log || v > 0)).sort();
  if (!all.length) return [0, 1];
  const at = (share) => all[Math.round(share * (all.length - 1))];
  let [low, high] = [at(0.01), at(0.99)];
  if (observable.signed && part !== "error" && !log) [low, high] = [-1, 1].map((s) => s * Math.max(-low, high, 1e-300));
  return high > low ? [low, high] : [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
}

// How numbers become colours: colour(value), and the bar beside the map.
function colouring(data, observable, part, state) {
  const log = state.log;
  if (part === "z") {
    const step = (z) => Z_STEPS.filter((edge) => z >= edge).length;
    return { colour: (z) => shade("vik", Z_SHADES[step(z)]), steps: Z_STEPS };
  }
  const [low, high] = rangeOf(data, observable, part, state);
  const table = observable.signed && part !== "error" && !log ? "vik" : "batlow";
  const f = log ? Math.log : (v) => v;
  const share = (v) => (f(v) - f(low)) / (f(high) - f(low));
  const ticks = log ? logTicks(low, high) : niceTicks(low, high, 6);
  // as many shades as an eye can tell, so that equal ones are drawn together
  return { colour: (v) => shade(table, Math.round(255 * share(v)) / 255), share, low, high, ticks: ticks.filter((t) => share(t) > -0.001 && share(t) < 1.001), table };
}

function statusAt(data, at) {
  return data.statuses[data.status[offset(data, data.swept, at)]];
}

// What the k-th cell is filled with: a colour, a hatch for what has no number, grey for what two errors do not tell from zero.
function fillOf(observable, part, log, paint, k, status) {
  const value = observable[part][k];
  if (!Number.isFinite(value)) {
    return ["unstable", "failed", "timeout", "diverged", "absent"].includes(status) ? `url(#${status})` : "url(#nothing)";
  }
  if (log && (!(value > 0) || (part === "value" && !(value > 2 * observable.error[k])))) return "var(--grey)";
  return paint.colour(value);
}

function patterns() {
  const line = (d, more = "") => `<path d="${d}" stroke="var(--hatch)" stroke-width="0.8" fill="none" ${more}/>`;
  const made = { unstable: line("M0 6L6 0"), failed: line("M1 1L5 5M5 1L1 5"), diverged: line("M1 1L5 5M5 1L1 5"), timeout: line("M0 3H6"), absent: "", nothing: line("M3 0V6") };
  const tiles = Object.entries(made).map(([name, d]) => `<pattern id="${name}" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="var(--empty)"/>${d}</pattern>`);
  return `<defs>${tiles.join("")}<pattern id="short" width="5" height="5" patternUnits="userSpaceOnUse"><circle cx="2.5" cy="2.5" r="0.8" fill="#fff"/></pattern></defs>`;
}

function frame(x, y, box, xTitle, yTitle) {
  const out = [`<rect x="${box.left}" y="${box.top}" width="${box.right - box.left}" height="${box.bottom - box.top}" fill="none" stroke="var(--ink)" stroke-width="0.8"/>`];
  for (const [p, name] of x.ticks) out.push(`<path d="M${p.toFixed(1)} ${box.bottom}v5" stroke="var(--ink)"/>`, text(p, box.bottom + 18, name, 'text-anchor="middle"'));
  for (const [p, name] of y.ticks) out.push(`<path d="M${box.left} ${p.toFixed(1)}h-5" stroke="var(--ink)"/>`, text(box.left - 8, p + 4, name, 'text-anchor="end"'));
  out.push(text((box.left + box.right) / 2, box.bottom + 40, xTitle, 'text-anchor="middle"'));
  const middle = (box.top + box.bottom) / 2;
  out.push(text(14, middle, yTitle, `text-anchor="middle" transform="rotate(-90 14 ${middle})"`));
  return out.join("");
}

function colourBar(paint, box, name) {
  const [x, w] = [box.right + 14, 13];
  const out = [];
  const y = (share) => box.bottom - share * (box.bottom - box.top);
  if (paint.steps) {
    const n = Z_SHADES.length;
    Z_SHADES.forEach((s, i) => out.push(`<rect x="${x}" y="${y((i + 1) / n)}" width="${w}" height="${y(0) - y(1 / n) + 0.5}" fill="${shade("vik", s)}"/>`));
    paint.steps.forEach((edge, i) => out.push(text(x + w + 5, y((i + 1) / n) + 4, label(edge))));
  } else {
    for (let i = 0; i < 64; i++) out.push(`<rect x="${x}" y="${y((i + 1) / 64).toFixed(2)}" width="${w}" height="${((box.bottom - box.top) / 64 + 0.5).toFixed(2)}" fill="${shade(paint.table, (i + 0.5) / 64)}"/>`);
    for (const t of paint.ticks) out.push(text(x + w + 5, y(paint.share(t)) + 4, label(t)));
  }
  const middle = (box.top + box.bottom) / 2;
  out.push(text(SIZE.width - 6, middle, name, `text-anchor="middle" transform="rotate(-90 ${SIZE.width - 6} ${middle})"`));
  return out.join("");
}

const BOX = { left: SIZE.left, right: SIZE.width - SIZE.right, top: SIZE.top, bottom: SIZE.height - SIZE.bottom };

function legend(entries) {
  let x = BOX.left;
  return entries
    .map(([mark, name]) => {
      const here = x;
      x += 36 + 7.3 * name.length;
      return `<g transform="translate(${here} ${SIZE.height - 4})">${mark}${text(22, 0, name)}</g>`;
    })
    .join("");
}

// A finer surface where there is one: theory (or the leading rate) along the horizontal axis at ten points a step.
function surface(data, grid, names, lines, state, x, y) {
  const line = lines[x.axis];
  if (line) {
    const rows = y.values.map((_, j) => onLine(data, names, line, x.axis, { ...state.at, [y.axis]: j }));
    return { coordinates: Array.from(line.at), rows };
  }
  const [first, sx, sy] = corner(data, names, state, x, y);
  return { coordinates: x.values, rows: y.values.map((_, j) => x.values.map((_, i) => grid[first + i * sx + j * sy])) };
}

// Where the map's first cell lies in an array over `names`, and how far its neighbours are.
function corner(data, names, state, x, y) {
  const first = offset(data, names, { ...state.at, [x.axis]: 0, [y.axis]: 0 });
  return [first, stride(data, names, x.axis), stride(data, names, y.axis)];
}

function drawMap(data, observable, state) {
  const [x, y] = [state.x, state.y];
  const part = SHOWN[state.show][0];
  const paint = colouring(data, observable, part, state);
  const [sx, sy] = [scaleOf(x, BOX.left, BOX.right), scaleOf(y, BOX.bottom, BOX.top)];
  // one path for all cells of a colour: thousands of elements would take a browser longer than their numbers
  const outlines = new Map();
  const dots = [];
  const seen = new Set();
  const [cell, cellX, cellY] = corner(data, observable.axes, state, x, y);
  const [point, pointX, pointY] = corner(data, data.swept, state, x, y);
  const across = x.values.map((_, i) => `M${sx.edges[i].toFixed(2)} `);
  const widths = x.values.map((_, i) => (sx.edges[i + 1] - sx.edges[i] + 0.4).toFixed(2));
  for (let j = 0; j < y.values.length; j++) {
    const top = sy.edges[j + 1].toFixed(2);
    const height = (sy.edges[j] - sy.edges[j + 1] + 0.4).toFixed(2);
    for (let i = 0; i < x.values.length; i++) {
      const status = data.statuses[data.status[point + i * pointX + j * pointY]];
      const fill = fillOf(observable, part, state.log, paint, cell + i * cellX + j * cellY, status);
      const outline = `${across[i]}${top}h${widths[i]}v${height}h-${widths[i]}z`;
      outlines.set(fill, (outlines.get(fill) || "") + outline);
      if (status !== "ok") seen.add(status);
      if (fill === "url(#nothing)") seen.add("no number");
      if (status === "short_run") dots.push(outline);
    }
  }
  const cells = Array.from(outlines, ([fill, d]) => `<path d="${d}" fill="${fill}"/>`);
  const lines = [];
  const entries = [...seen].map((s) => [`<rect y="-10" width="17" height="11" stroke="var(--ink)" stroke-width="0.5" fill="${s === "short_run" ? shade("batlow", 0.4) : `url(#${s === "no number" ? "nothing" : s})`}"/>${s === "short_run" ? '<rect y="-10" width="17" height="11" fill="url(#short)"/>' : ""}`, s.replace("_", " ")]);
  const numeric = !x.words && !y.words;
  if (numeric && (part === "value" || part === "theory") && observable.theory.some(Number.isFinite)) {
    const theory = surface(data, observable.theory, observable.axes, observable.lines, state, x, y);
    const [px, py] = [theory.coordinates.map(sx.at), y.values.map(sy.at)];
    for (const level of paint.ticks.filter((t) => t !== 0)) {
      const pieces = contour(theory.rows, level, px, py);
      if (!pieces.length) continue;
      const d = pathOf(pieces);
      lines.push(`<path d="${d}" stroke="#000" stroke-opacity="0.6" stroke-width="3" fill="none"/><path d="${d}" stroke="#fff" stroke-width="1.2" fill="none"/>`);
      const inside = pieces.map((p) => p[0]).filter((p) => p[0] > BOX.left + 24 && p[0] < BOX.right - 24 && p[1] > BOX.top + 12 && p[1] < BOX.bottom - 12);
      if (inside.length) {
        const p = inside[Math.floor(inside.length / 2)];
        lines.push(text(p[0], p[1] + 4, label(level), 'text-anchor="middle" class="level"'));
      }
    }
    if (lines.length) entries.push(['<path d="M0 -4H17" stroke="#000" stroke-opacity="0.6" stroke-width="4"/><path d="M0 -4H17" stroke="#fff" stroke-width="1.5"/>', "theory"]);
  }
  if (numeric && data.swept.includes(x.axis) && data.swept.includes(y.axis)) {
    const rate = surface(data, data.rate, data.swept, data.rate_lines, state, x, y);
    const pieces = contour(rate.rows, 0, rate.coordinates.map(sx.at), y.values.map(sy.at));
    if (pieces.length) {
      const d = pathOf(pieces);
      lines.push(`<path d="${d}" stroke="#fff" stroke-width="4" fill="none"/><path d="${d}" stroke="#000" stroke-width="2" fill="none"/>`);
      entries.push(['<path d="M0 -4H17" stroke="#fff" stroke-width="5"/><path d="M0 -4H17" stroke="#000" stroke-width="2"/>', "leading rate = 0"]);
    }
  }
  const [i, j] = [state.at[x.axis], state.at[y.axis]];
  const cursor = `x="${sx.edges[i]}" y="${sy.edges[j + 1]}" width="${sx.edges[i + 1] - sx.edges[i]}" height="${sy.edges[j] - sy.edges[j + 1]}"`;
  const clip = `<clipPath id="inside"><rect x="${BOX.left}" y="${BOX.top}" width="${BOX.right - BOX.left}" height="${BOX.bottom - BOX.top}"/></clipPath>`;
  const units = part === "z" ? "z" : observable.units === "1" ? "" : observable.units;
  return panel(state, observable, [
    patterns(),
    clip,
    `<g shape-rendering="crispEdges">${cells.join("")}</g><path d="${dots.join("")}" fill="url(#short)"/><g clip-path="url(#inside)">${lines.join("")}</g>`,
    `<rect ${cursor} fill="none" stroke="#000" stroke-width="3.4"/><rect ${cursor} fill="none" stroke="#fff" stroke-width="1.6"/>`,
    frame(sx, sy, BOX, titleOf(x), titleOf(y)),
    colourBar(paint, BOX, units),
    legend(entries),
  ]);
}

function panel(state, observable, inside) {
  const heading = `${observable.long_name}: ${SHOWN[state.show][1]}`;
  const held = state.held.map(([name, value]) => `${name} = ${value}`).join(", ");
  const head = text(BOX.left, 20, heading, 'class="head"') + text(SIZE.width - 4, 20, held, 'text-anchor="end" class="soft"');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height + 6}" role="img" aria-label="${escaped(heading)}">${head}${inside.join("")}</svg>`;
}
