// Cuts through the chosen cell, one along each axis, and the histogram of z-scores.

const CUT = { width: 520, height: 184, left: 80, right: 14, top: 10, bottom: 48 };

// The cells of a cut in its order; of a list of points, those that differ from the chosen one along the cut alone.
function orderOfCut(data, state, x) {
  const order = alike(data, state, x.axis, [x.name]);
  return x.words ? order : order.sort((a, b) => x.values[a] - x.values[b]);
}

function drawCut(data, observable, state, x, size = CUT) {
  const box = { left: size.left, right: size.width - size.right, top: size.top, bottom: size.height - size.bottom };
  const order = orderOfCut(data, state, x);
  const sx = scaleOf(distinct(x), box.left, box.right);
  const at = (i) => offset(data, observable.axes, { ...state.at, [x.axis]: i });
  const place = placeOn(sx, x);
  const points = order.map((i) => ({ i, p: place(i), v: observable.value[at(i)], e: observable.error[at(i)], t: observable.theory[at(i)] }));
  const fine = observable.lines[x.axis];
  const curve = fine && !x.words
    ? Array.from(onLine(data, observable.axes, fine, x.axis, state.at), (t, i) => [sx.at(fine.at[i]), t])
    : points.map((q) => [q.p, q.t]);
  const known = points.filter((q) => Number.isFinite(q.v));
  const log = state.log && known.some((q) => q.v > 0);
  const keep = (v) => Number.isFinite(v) && (!log || v > 0);
  const near = known.flatMap((q) => [q.v - (q.e || 0), q.v + (q.e || 0)]).concat(points.map((q) => q.t)).filter(keep);
  let [low, high] = near.length ? [Math.min(...near), Math.max(...near)] : [0, 1];
  if (!(high > low)) [low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  const f = log ? Math.log : (v) => v;
  const margin = 0.07 * (f(high) - f(low));
  const y = (v) => box.bottom - ((f(v) - f(low) + margin) / (f(high) - f(low) + 2 * margin)) * (box.bottom - box.top);
  const yTicks = (log ? logTicks(low, high) : niceTicks(low, high, 4)).map((v) => [y(v), label(v)]);
  const clip = (v) => Math.min(Math.max(v, box.top), box.bottom).toFixed(1);
  const out = [];
  for (const [p] of yTicks) out.push(`<path d="M${box.left} ${p.toFixed(1)}H${box.right}" stroke="var(--rule)"/>`);
  // between the points of a list nobody computed a theory: it is said where it is known
  const listed = data.axisOf[x.axis].coordinates.length > 1;
  let pen = "M";
  let d = "";
  for (const [p, v] of curve) {
    const shown = keep(v) && y(v) > box.top - 400 && y(v) < box.bottom + 400;
    if (listed) d += shown ? `M${(p - 6).toFixed(1)} ${y(v).toFixed(1)}h12` : "";
    else d += shown ? `${pen}${p.toFixed(1)} ${y(v).toFixed(1)}` : "";
    pen = shown ? "L" : "M";
  }
  const name = `cut-${observable.axes.indexOf(x.axis)}`;
  out.push(`<clipPath id="${name}"><rect x="${box.left}" y="${box.top}" width="${box.right - box.left}" height="${box.bottom - box.top}"/></clipPath>`);
  if (d) out.push(`<path d="${d}" clip-path="url(#${name})" stroke="var(--theory)" stroke-width="1.8" fill="none"/>`);
  for (const q of points) {
    const chosen = q.i === state.at[x.axis];
    if (!keep(q.v)) {
      out.push(text(q.p, box.bottom - 4, "×", 'text-anchor="middle" class="soft"'));
      continue;
    }
    const open = data.swept.includes(x.axis) && statusAt(data, { ...state.at, [x.axis]: q.i }) === "short_run";
    const foot = log && q.v - q.e <= 0 ? box.bottom : y(q.v - q.e);
    if (q.e > 0) out.push(`<path d="M${q.p.toFixed(1)} ${clip(foot)}V${clip(y(q.v + q.e))}" stroke="var(--point)" stroke-width="1.3"/>`);
    out.push(`<circle cx="${q.p.toFixed(1)}" cy="${clip(y(q.v))}" r="${chosen ? 5.5 : 3.4}" fill="${open ? "var(--paper)" : "var(--point)"}" stroke="var(--point)" stroke-width="1.3"/>`);
  }
  const here = place(state.at[x.axis]).toFixed(1);
  out.push(`<path d="M${here} ${box.top}V${box.bottom}" stroke="var(--soft)" stroke-dasharray="3 3"/>`);
  out.push(frame(sx, { ticks: yTicks }, box, titleOf(x), observable.units === "1" ? "" : observable.units));
  const words = `cut of ${observable.long_name} along ${x.long_name}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escaped(words)}">${out.join("")}</svg>`;
}

// The z-scores that figures count, too: of complete runs, and of estimates.
function scoresOf(data, observable) {
  const own = observable.z.length / data.status.length;
  return Array.from(observable.z).filter((z, k) => Number.isFinite(z) && data.statuses[data.status[Math.floor(k / own)]] === "ok");
}

function drawHistogram(data, observable) {
  return remembered(observable, "histogram", () => histogramOf(data, observable));
}

// The numbers are those of the figures, counted before anything was rounded for this page.
function histogramOf(data, observable) {
  if (!observable.scores) return "";
  const { n, share, rms, exact } = observable.scores;
  const law = data.law;
  const percent = (part) => (100 * part).toFixed(1);
  const [w, h, left, bottom, top] = [CUT.width, 172, 30, 108, 26];
  const [edge, nBin] = [4, 24];
  const counts = new Array(nBin).fill(0);
  for (const z of scoresOf(data, observable)) counts[Math.min(nBin - 1, Math.max(0, Math.floor(((z + edge) / (2 * edge)) * nBin)))]++;
  const width = (n * 2 * edge) / nBin;
  const normal = (z) => (width * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  const student = (z) => width * law.peak * (1 + (z * z) / law.degrees_of_freedom) ** (-(law.degrees_of_freedom + 1) / 2);
  const most = Math.max(...counts, normal(0));
  const x = (z) => left + ((z + edge) / (2 * edge)) * (w - 2 * left);
  const y = (c) => bottom - (c / most) * (bottom - top - 6);
  const bars = counts.map((c, i) => `<rect x="${x(-edge + (i * 2 * edge) / nBin).toFixed(1)}" y="${y(c).toFixed(1)}" width="${((w - 2 * left) / nBin - 1).toFixed(1)}" height="${(bottom - y(c)).toFixed(1)}" fill="var(--point)" fill-opacity="0.7"/>`);
  // no law is expected where theory is approximate
  const laws = [
    ...(exact ? [[student, `Student's t(${law.degrees_of_freedom}): ${percent(law.share)} %, ${law.rms.toFixed(2)}`, 'stroke="var(--theory)" stroke-width="1.8"']] : []),
    [normal, exact ? "unit normal" : "unit normal, for scale", 'stroke="var(--ink)" stroke-width="1.2" stroke-dasharray="4 3"'],
  ];
  const places = Array.from({ length: 81 }, (_, i) => -edge + i / 10);
  const curves = laws.map(([f, , look]) => `<path d="${places.map((z, i) => `${i ? "L" : "M"}${x(z).toFixed(1)} ${y(f(z)).toFixed(1)}`).join("")}" ${look} fill="none"/>`);
  const ticks = [-4, -2, 0, 2, 4].map((z) => text(x(z), bottom + 18, label(z), 'text-anchor="middle"'));
  const head = `|z| < 2: ${percent(share)} % of ${n}, rms z = ${rms.toFixed(2)}`;
  const kind = exact ? "z-score of all complete runs" : "z-score of all complete runs: measures the approximation";
  let from = left;
  const names = laws.map(([, name, look]) => {
    const here = from;
    from += 44 + 7 * name.length;
    return `<path d="M${here} ${h - 10}h20" ${look}/>${text(here + 26, h - 6, name)}`;
  });
  const said = [head, ...laws.map(([, name]) => name)].join("; ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" role="img" aria-label="histogram of z-scores: ${escaped(said)}">${text(w / 2, 14, head, 'text-anchor="middle"')}${bars.join("")}${curves.join("")}<path d="M${left} ${bottom}H${w - left}" stroke="var(--ink)"/>${ticks.join("")}${text(w / 2, bottom + 37, kind, 'text-anchor="middle"')}${names.join("")}</svg>`;
}
