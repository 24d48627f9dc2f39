// Points of a list over two of their coordinates, and the boundaries that a refined sweep located among them.

// The points of a list that agree with the chosen one in all coordinates but the named ones; all of them where no two of the list
// do, as where several coordinates change together.
function alike(data, state, axis, names) {
  const { n, coordinates } = data.axisOf[axis];
  const all = Array.from({ length: n }, (_, i) => i);
  const others = coordinates.filter((c) => !names.includes(c.name));
  if (!someAgree(data.axisOf[axis], others)) return all;
  return all.filter((i) => others.every((c) => c.values[i] === c.values[state.at[axis]]));
}

// Whether any two points of a list agree in these coordinates; the same for all drawings.
function someAgree(list, coordinates) {
  const words = coordinates.map((c) => c.name).join("\n");
  return remembered(list, words, () => {
    const places = Array.from({ length: list.n }, (_, i) => coordinates.map((c) => c.values[i]).join("\n"));
    return new Set(places).size < list.n;
  });
}

// The points on the panel: those of the plane, or the line, in which the chosen one lies.
function shownOf(data, state) {
  return alike(data, state, state.x.axis, onPanel(state));
}

function onPanel(state) {
  return [state.x, state.y].filter((c) => c).map((c) => c.name);
}

// The coordinates of a list that tell its planes apart; none where every point is a plane of its own.
function planesOf(data, state) {
  const { coordinates } = data.axisOf[state.x.axis];
  if (state.y && state.y.axis !== state.x.axis) return [];
  const held = coordinates.filter((c) => !onPanel(state).includes(c.name) && distinct(c).values.length > 1);
  return someAgree(data.axisOf[state.x.axis], held) ? held : [];
}

// The point of another plane, in which one coordinate has this value and the others stay if they can: the nearest on the panel.
function pointInPlane(data, state, name, value) {
  const chosen = state.at[state.x.axis];
  const planes = planesOf(data, state);
  const stays = (c, i) => c.name === name || c.values[i] === c.values[chosen];
  const { values } = planes.find((c) => c.name === name);
  const there = values.map((_, i) => i).filter((i) => values[i] === value);
  const own = there.filter((i) => planes.every((c) => stays(c, i)));
  const places = [state.x, state.y].filter((c) => c).map((c) => placeOn(scaleOf(distinct(c), 0, 1), c));
  const far = (i) => Math.hypot(...places.map((place) => place(i) - place(chosen)));
  return (own.length ? own : there).reduce((best, i) => (far(i) < far(best) ? i : best));
}

// Where the points of a list lie on the panel; radius: half the distance to the nearest shown neighbour in its row or column.
function placesOf(x, y, shown) {
  const scales = [scaleOf(distinct(x), BOX.left, BOX.right), scaleOf(distinct(y), BOX.bottom, BOX.top)];
  const [px, py] = [x, y].map((c, n) => {
    const place = placeOn(scales[n], c);
    return c.values.map((_, i) => place(i));
  });
  const radius = px.map(() => 6);
  for (const [along, across] of [[px, py], [py, px]]) {
    const order = [...shown].sort((a, b) => across[a] - across[b] || along[a] - along[b]);
    for (let n = 1; n < order.length; n++) {
      const [a, b] = [order[n - 1], order[n]];
      const gap = Math.abs(along[a] - along[b]);
      if (across[a] !== across[b] || gap === 0) continue;
      for (const k of [a, b]) radius[k] = Math.max(2, Math.min(radius[k], gap / 2 - 0.4));
    }
  }
  return { scales, px, py, radius };
}

// Points of a list over two of their coordinates, in the plane of the chosen one.
function drawScatter(data, observable, state) {
  const [x, y] = [state.x, state.y];
  const part = SHOWN[state.show][0];
  const paint = colouring(data, observable, part, state);
  const shown = shownOf(data, state);
  const { scales, px, py, radius } = placesOf(x, y, shown);
  const seen = new Set();
  const dots = [];
  const marks = shown.map((k) => {
    const at = { ...state.at, [x.axis]: k };
    const status = statusAt(data, at);
    const fill = fillOf(observable, part, state.log, paint, offset(data, observable.axes, at), status);
    if (status !== "ok") seen.add(status);
    if (fill === "url(#nothing)") seen.add("no number");
    if (status === "short_run" && !fill.startsWith("url")) dots.push(`M${px[k].toFixed(1)} ${py[k].toFixed(1)}h0`);
    return `<circle cx="${px[k].toFixed(1)}" cy="${py[k].toFixed(1)}" r="${radius[k].toFixed(1)}" fill="${fill}" stroke="var(--ink)" stroke-width="${radius[k] < 4 ? 0.4 : 0.7}"/>`;
  });
  const chosen = state.at[x.axis];
  const ring = `<path d="${ringAt(px[chosen], py[chosen], radius[chosen] + 2.5)}" fill="none" stroke="var(--ink)" stroke-width="2.5"/>`;
  const white = (d, width) => `<path d="${d}" stroke="#fff" stroke-width="${width}" stroke-linecap="round"/>`;
  const entries = [...seen].map((s) => [s === "short_run" ? `<path d="${ringAt(8, -4, 6)}" fill="${shade("batlow", 0.4)}"/>${white("M8 -4h0", 2.2)}` : `<path d="${ringAt(8, -4, 6)}" stroke="var(--ink)" stroke-width="0.7" fill="url(#${s === "no number" ? "nothing" : s})"/>`, s.replace("_", " ")]);
  const found = drawLocated(data, state, scales);
  const units = part === "z" ? "z" : observable.units === "1" ? "" : observable.units;
  return panel(state, observable, [patterns(), marks.join(""), white(dots.join(""), 2.2), found.marks, ring, frame(scales[0], scales[1], BOX, titleOf(x), titleOf(y)), colourBar(paint, BOX, units), legend([...entries, ...found.entries])]);
}

function ringAt(x, y, r) {
  return `M${(x - r).toFixed(1)} ${y.toFixed(1)}a${r.toFixed(1)} ${r.toFixed(1)} 0 1 0 ${(2 * r).toFixed(1)} 0a${r.toFixed(1)} ${r.toFixed(1)} 0 1 0 ${(-2 * r).toFixed(1)} 0z`;
}

const BOUNDARY_MARKS = ["M-3 -3h6v6h-6z", "M0 -4L4 0L0 4L-4 0z", "M-3.5 3L0 -4L3.5 3z"];

// Boundaries that a refined sweep located, with their errors: where they cross an edge in the plane of the chosen point.
function drawLocated(data, state, [sx, sy]) {
  const [x, y] = [state.x, state.y];
  const held = data.axisOf[x.axis].coordinates.filter((c) => !onPanel(state).includes(c.name));
  const entries = [];
  const groups = x.words || y.words ? [] : data.boundaries.filter((b) => b.places[x.name] && b.places[y.name]);
  const marks = groups.map((b, n) => {
    const shape = BOUNDARY_MARKS[n % BOUNDARY_MARKS.length];
    const look = 'fill="#000" stroke="#fff" stroke-width="1"';
    const here = (k) => held.every((c) => !b.places[c.name] || b.places[c.name][k] === c.values[state.at[x.axis]]);
    const own = b.axis.map((_, k) => k).filter((k) => onPanel(state).includes(b.axis[k]) && here(k));
    if (own.length) entries.push([`<path transform="translate(8 -4)" d="${shape}" ${look}/>`, b.of === "stability" ? "edge of stability" : b.of.replaceAll("_", " ")]);
    return own.map((k) => {
      const [u, v, e] = [b.places[x.name][k], b.places[y.name][k], b.error[k] || 0];
      const reach = (scale, middle) => [middle - e, middle + e].map((end) => scale.inside(end).toFixed(1));
      const [along, up] = [reach(sx, u), reach(sy, v)];
      const bar = b.axis[k] === x.name ? `M${along[0]} ${sy.at(v).toFixed(1)}H${along[1]}` : `M${sx.at(u).toFixed(1)} ${up[0]}V${up[1]}`;
      return (e ? `<path d="${bar}" stroke="#fff" stroke-width="2.4"/><path class="error" d="${bar}" stroke="#000"/>` : "") + `<path class="located" transform="translate(${sx.at(u).toFixed(1)} ${sy.at(v).toFixed(1)}) scale(0.6)" d="${shape}" ${look}/>`;
    }).join("");
  });
  return { marks: marks.join(""), entries };
}
