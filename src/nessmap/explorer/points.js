// Points of a list over two of their coordinates, and the boundaries that a refined sweep located among them.

// Where the points of a list lie on the panel; radius: half the distance to the nearest neighbour in its row or column.
function placesOf(x, y) {
  const scales = [scaleOf(distinct(x), BOX.left, BOX.right), scaleOf(distinct(y), BOX.bottom, BOX.top)];
  const [px, py] = [x, y].map((c, n) => {
    const place = placeOn(scales[n], c);
    return c.values.map((_, i) => place(i));
  });
  const radius = px.map(() => 6);
  for (const [along, across] of [[px, py], [py, px]]) {
    const order = px.map((_, k) => k).sort((a, b) => across[a] - across[b] || along[a] - along[b]);
    for (let n = 1; n < order.length; n++) {
      const [a, b] = [order[n - 1], order[n]];
      const gap = Math.abs(along[a] - along[b]);
      if (across[a] !== across[b] || gap === 0) continue;
      for (const k of [a, b]) radius[k] = Math.max(2, Math.min(radius[k], gap / 2 - 0.4));
    }
  }
  return { scales, px, py, radius };
}

// Points of a list over two of their coordinates.
function drawScatter(data, observable, state) {
  const [x, y] = [state.x, state.y];
  const part = SHOWN[state.show][0];
  const paint = colouring(data, observable, part, state);
  const { scales, px, py, radius } = placesOf(x, y);
  const seen = new Set();
  const dots = [];
  const marks = px.map((_, k) => {
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

// Boundaries that a refined sweep located, with their errors: of the plane in which the chosen point lies.
function drawLocated(data, state, [sx, sy]) {
  const [x, y] = [state.x, state.y];
  const held = data.axisOf[x.axis].coordinates.filter((c) => c.name !== x.name && c.name !== y.name);
  const entries = [];
  const groups = x.words || y.words ? [] : data.boundaries.filter((b) => b.places[x.name] && b.places[y.name]);
  const marks = groups.map((b, n) => {
    const shape = BOUNDARY_MARKS[n % BOUNDARY_MARKS.length];
    const look = 'fill="#000" stroke="#fff" stroke-width="1"';
    const own = b.axis.map((_, k) => k).filter((k) => held.every((c) => b.places[c.name][k] === c.values[state.at[x.axis]]));
    if (own.length) entries.push([`<path transform="translate(8 -4)" d="${shape}" ${look}/>`, b.of === "stability" ? "edge of stability" : b.of.replaceAll("_", " ")]);
    return own.map((k) => {
      const [u, v, e] = [b.places[x.name][k], b.places[y.name][k], b.error[k] || 0];
      const reach = (scale, middle) => [middle - e, middle + e].map((end) => scale.inside(end).toFixed(1));
      const [along, up] = [reach(sx, u), reach(sy, v)];
      const bar = b.axis[k] === x.name ? `M${along[0]} ${sy.at(v).toFixed(1)}H${along[1]}` : `M${sx.at(u).toFixed(1)} ${up[0]}V${up[1]}`;
      return (e ? `<path class="error" d="${bar}" stroke="#000"/>` : "") + `<path class="located" transform="translate(${sx.at(u).toFixed(1)} ${sy.at(v).toFixed(1)}) scale(0.6)" d="${shape}" ${look}/>`;
    }).join("");
  });
  return { marks: marks.join(""), entries };
}
