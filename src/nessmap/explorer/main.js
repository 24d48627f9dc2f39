// State, controls and events. The state is in the link: observable.show.x.y.log.theme.index-index-... and, where a choice on another
// page led here, .o for the focus to stay on that choice.

const $ = (id) => document.getElementById(id);
let data;
let state;
let drawn; // what was shown last, in words

function choicesOf(observable) {
  return observable.axes
    .map((name) => data.axisOf[name])
    .filter((axis) => axis.n > 1)
    .flatMap((axis) => axis.coordinates.map((c) => ({ ...c, axis: axis.name, alone: axis.coordinates.length === 1 })));
}

function observableOf() {
  return data.observables[state.observable];
}

// What x and y may be: two axes, two coordinates of a list of points, or one of them and nothing.
function partners(x, choices) {
  return choices.filter((c) => c.name !== x.name && (c.axis === x.axis || (c.alone && x.alone)));
}

function settled() {
  const observable = observableOf();
  const choices = choicesOf(observable);
  for (const name of observable.axes) state.at[name] = Math.min(state.at[name] ?? Math.floor(data.axisOf[name].n / 2), data.axisOf[name].n - 1);
  state.choices = choices;
  const first = (some) => some.find((c) => c.refined) || some[0];
  state.x = choices.find((c) => c.name === state.xName) || first(choices);
  if (!state.x) state.x = { ...data.axisOf[observable.axes[0]].coordinates[0], axis: observable.axes[0], alone: true };
  const others = partners(state.x, choices);
  state.y = state.yName === "" ? null : others.find((c) => c.name === state.yName) || first(others) || null;
  const shown = [state.x.axis, state.y && state.y.axis];
  state.free = observable.axes.filter((name) => data.axisOf[name].n > 1 && !shown.includes(name));
  state.planes = planesOf(data, state);
}

// What the panel shows one value of: axes that are not on it, and what tells the planes of a list apart while one is shown.
function heldNow() {
  const along = (axis, coordinates) => coordinates.map((c) => [c.long_name, wordOf(c, state.at[axis])]);
  const plane = state.planes.length && shownOf(data, state).length < data.axisOf[state.x.axis].n ? state.planes : [];
  return [...state.free.flatMap((name) => along(name, data.axisOf[name].coordinates)), ...along(state.x.axis, plane)];
}

function wordOf(coordinate, i) {
  return coordinate.words ? coordinate.values[i] : label(coordinate.values[i]);
}

function option(value, name, chosen) {
  return `<option value="${escaped(value)}"${chosen ? " selected" : ""}>${escaped(name)}</option>`;
}

function drawControls() {
  const observable = observableOf();
  $("observable").innerHTML = data.observables.map((o, i) => option(i, o.long_name, i === state.observable)).join("");
  $("show").innerHTML = SHOWN.map(([, name], i) => option(i, name, i === state.show)).join("");
  $("x").innerHTML = state.choices.map((c) => option(c.name, c.long_name, c.name === state.x.name)).join("");
  const others = partners(state.x, state.choices);
  $("y").innerHTML = others.map((c) => option(c.name, c.long_name, state.y && c.name === state.y.name)).join("") + option("", "none", !state.y);
  $("colours").innerHTML = option("0", "linear", !state.log) + option("1", "logarithmic", state.log);
  const sliders = state.free.map((name) => {
    const axis = data.axisOf[name];
    const words = axis.coordinates.map((c) => c.long_name).join(", ");
    return `<label>${escaped(words)}<span class="row"><input type="range" data-axis="${escaped(name)}" min="0" max="${axis.n - 1}" value="${state.at[name]}"><output></output></span></label>`;
  });
  const planes = state.planes.map((c) => `<label>${escaped(c.long_name)}<span class="row"><input type="range" data-plane="${escaped(c.name)}" min="0" max="${distinct(c).values.length - 1}"><output></output></span></label>`);
  $("sliders").innerHTML = [...sliders, ...planes].join("");
  nameSliders();
  document.title = `${observable.long_name}: ${data.title}`;
}

function nameSliders() {
  for (const slider of $("sliders").querySelectorAll("input")) {
    const plane = state.planes.find((c) => c.name === slider.dataset.plane);
    const axis = plane ? state.x.axis : slider.dataset.axis;
    if (plane) slider.value = distinct(plane).values.indexOf(plane.values[state.at[axis]]);
    const words = (plane ? [plane] : data.axisOf[axis].coordinates).map((c) => wordOf(c, state.at[axis])).join(", ");
    slider.nextElementSibling.textContent = words;
    slider.setAttribute("aria-valuetext", words);
  }
}

// Where a slider leads: to another cell along an axis, or to another plane of a list.
function slidTo({ dataset, value }) {
  if (!dataset.plane) return { [dataset.axis]: Number(value) };
  const plane = state.planes.find((c) => c.name === dataset.plane);
  return { [state.x.axis]: pointInPlane(data, state, plane.name, distinct(plane).values[Number(value)]) };
}

function drawMain() {
  const observable = observableOf();
  if (!state.y) return drawCut(data, observable, state, state.x, { width: 640, height: 420, left: 80, right: 20, top: 14, bottom: 54 });
  return state.y.axis === state.x.axis ? drawScatter(data, observable, state) : drawMap(data, observable, state);
}

function drawAll() {
  const began = performance.now();
  const observable = observableOf();
  state.held = heldNow();
  $("map").innerHTML = drawMain();
  const along = state.choices.filter((c) => state.y || c.name !== state.x.name);
  $("cuts").innerHTML = along.map((c) => drawCut(data, observable, state, c)).join("") + drawHistogram(data, observable);
  const where = coordinatesAt(data, observable.axes, state.at).map(([c, v]) => `${c.long_name} ${c.words ? v : label(v)}`).join(", ");
  const rows = recordOf(data, observable, state).map(([name, value]) => `<dt>${escaped(name)}</dt><dd${name === "key" ? ' class="code"' : ""}>${escaped(value)}</dd>`);
  $("where").textContent = where;
  $("facts").innerHTML = rows.join("");
  $("command").textContent = commandOf(data, state);
  $("table").innerHTML = tableOf(data, observable, state, state.x);
  nameSliders();
  writeLink();
  announce();
  document.body.dataset.drawing = (performance.now() - began).toFixed(1);
}

function say(words) {
  // the same words again would be silent
  $("said").textContent = words === $("said").textContent ? `${words}\u00a0` : words;
}

// Everything that a reader may change, in words; the last is the cell.
function shownInWords() {
  const observable = observableOf();
  const [status, value, theory] = recordOf(data, observable, state).map(([, words]) => words);
  const k = offset(data, observable.axes, state.at);
  const numbers = { value, theory, error: number(observable.error[k]), z: number(observable.z[k]) };
  return [
    observable.long_name,
    SHOWN[state.show][1],
    state.y ? `${state.y.long_name} over ${state.x.long_name}` : `along ${state.x.long_name}`,
    state.log ? "logarithmic colours" : "linear colours",
    { a: "the system's theme", l: "light theme", d: "dark theme" }[state.theme],
    `${$("where").textContent}: ${status}, ${SHOWN[state.show][1]} ${numbers[SHOWN[state.show][0]]}`,
  ];
}

// The one rule of what is announced: what differs from the drawing before.
function announce() {
  const words = shownInWords();
  const changed = words.filter((word, k) => drawn && word !== drawn[k]);
  if (changed.length) say(changed.join("; "));
  drawn = words;
}

function linkOf() {
  const names = data.axes.map((axis) => state.at[axis.name] ?? 0);
  const nth = (c) => (c ? state.choices.findIndex((o) => o.name === c.name) : "n");
  const words = [state.observable, state.show, nth(state.x), nth(state.y), Number(state.log), state.theme, names.join("-")];
  return `#${words.join(".")}`;
}

function writeLink() {
  const link = linkOf();
  if (location.hash !== link) history.replaceState(null, "", link);
}

function readLink() {
  const own = data.observables.findIndex((o) => !o.file);
  state = { observable: own, show: 0, at: {}, log: false, theme: "a", xName: undefined, yName: undefined };
  const words = location.hash.slice(1).split(".");
  if (words.length < 7) return;
  const whole = (text, n, otherwise = 0) => (/^\d+$/.test(text) && Number(text) < n ? Number(text) : otherwise);
  state.observable = whole(words[0], data.observables.length, own);
  state.show = whole(words[1], SHOWN.length);
  state.log = words[4] === "1";
  state.theme = "ald".includes(words[5]) ? words[5] : "a";
  words[6].split("-").forEach((text, k) => {
    if (data.axes[k]) state.at[data.axes[k].name] = whole(text, data.axes[k].n);
  });
  const choices = choicesOf(observableOf());
  state.xName = choices[whole(words[2], choices.length)]?.name;
  state.yName = words[3] === "n" ? "" : choices[whole(words[3], choices.length)]?.name;
}

// To the page that has the observable, with the state; this one stays as it was, for who comes back.
function leave() {
  settled();
  const address = `${observableOf().file}${linkOf()}`;
  if (location.hash.startsWith(`#${state.observable}.`)) return location.replace(address);
  location.assign(`${address}.o`);
  readLink();
  settled();
  drawControls();
}

async function refresh() {
  if (observableOf().file) return leave();
  await unpackObservable(observableOf());
  settled();
  drawControls();
  drawAll();
}

// The cell under a place on the main panel, by its own coordinates.
function cellAt(event) {
  const box = $("map").firstElementChild.getBoundingClientRect();
  const size = state.y ? SIZE : { width: 640, height: 420 };
  const px = ((event.clientX - box.left) / box.width) * size.width;
  const py = ((event.clientY - box.top) / box.height) * (state.y ? SIZE.height + 6 : 420);
  const nearest = (places, p) => places.reduce((best, q, i) => (Math.abs(q - p) < Math.abs(places[best] - p) ? i : best), 0);
  const within = (edges, p) => edges.slice(1).findIndex((e, i) => (p - edges[i]) * (p - e) <= 0);
  if (!state.y) {
    const scale = scaleOf(distinct(state.x), 80, 620);
    const order = orderOfCut(data, state, state.x);
    return { [state.x.axis]: order[nearest(order.map(placeOn(scale, state.x)), px)] };
  }
  if (state.x.axis === state.y.axis) {
    const shown = shownOf(data, state);
    const places = placesOf(state.x, state.y, shown);
    const far = shown.map((k) => Math.hypot(places.px[k] - px, places.py[k] - py));
    return { [state.x.axis]: shown[nearest(far, 0)] };
  }
  const i = within(scaleOf(state.x, BOX.left, BOX.right).edges, px);
  const j = within(scaleOf(state.y, BOX.bottom, BOX.top).edges, py);
  return i < 0 || j < 0 ? {} : { [state.x.axis]: i, [state.y.axis]: j };
}

function move(change) {
  Object.assign(state.at, change);
  drawAll();
}

// The cells that keys lead through along an axis, in their order.
function cellsAlong(axis) {
  if (!state.y) return orderOfCut(data, state, state.x);
  return state.x.axis === state.y.axis ? shownOf(data, state) : Array.from({ length: data.axisOf[axis].n }, (_, i) => i);
}

function step(axis, by) {
  const cells = cellsAlong(axis);
  const next = cells.indexOf(state.at[axis]) + by;
  move({ [axis]: cells[Math.min(cells.length - 1, Math.max(0, next))] });
}

// The nearest shown point of a list in a direction on the panel, at most half a right angle off it; the chosen one where there is none.
function neighbour([dx, dy]) {
  const shown = shownOf(data, state);
  const { px, py } = placesOf(state.x, state.y, shown);
  const here = state.at[state.x.axis];
  let [best, least] = [here, Infinity];
  shown.forEach((k) => {
    const [u, v] = [px[k] - px[here], py[k] - py[here]];
    const [along, across] = [u * dx + v * dy, Math.abs(u * dy - v * dx)];
    if (along > 0 && across <= along && along + 2 * across < least) [best, least] = [k, along + 2 * across];
  });
  return { [state.x.axis]: best };
}

function applyTheme() {
  document.documentElement.dataset.theme = { a: "auto", l: "light", d: "dark" }[state.theme];
}

function listen() {
  const changed = (id, change) => $(id).addEventListener("change", (event) => (change(event.target.value), refresh()));
  changed("observable", (v) => (state.observable = Number(v)));
  changed("show", (v) => (state.show = Number(v)));
  changed("x", (v) => ([state.xName, state.yName] = [v, state.y && state.y.name === v ? state.x.name : state.yName]));
  changed("y", (v) => (state.yName = v));
  changed("colours", (v) => (state.log = v === "1"));
  $("sliders").addEventListener("input", (event) => move(slidTo(event.target)));
  $("map").addEventListener("click", (event) => move(cellAt(event)));
  $("map").addEventListener("keydown", (event) => {
    const [x, y] = [state.x.axis, (state.y || state.x).axis];
    const keys = { ArrowLeft: [x, -1], ArrowRight: [x, 1], ArrowDown: [y, -1], ArrowUp: [y, 1], Home: [x, -Infinity], End: [x, Infinity], PageDown: [y, -Infinity], PageUp: [y, Infinity] };
    if (!keys[event.key]) return;
    event.preventDefault();
    const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (state.y && state.x.axis === state.y.axis && directions[event.key]) return move(neighbour(directions[event.key]));
    step(...keys[event.key]);
  });
  const stem = () => `${data.sweep}-${observableOf().name}`;
  $("svg").addEventListener("click", () => save(`${stem()}.svg`, standalone().svg, "image/svg+xml"));
  $("png").addEventListener("click", () => savePng(`${stem()}.png`));
  $("csv").addEventListener("click", () => save(`${stem()}.csv`, csvOf(data, observableOf()), "text/csv"));
  $("copy").addEventListener("click", copy);
  $("theme").addEventListener("click", () => {
    const dark = state.theme === "d" || (state.theme === "a" && matchMedia("(prefers-color-scheme: dark)").matches);
    state.theme = dark ? "l" : "d";
    applyTheme();
    drawAll();
  });
  addEventListener("hashchange", () => (readLink(), applyTheme(), refresh()));
}

function summary() {
  const counts = {};
  for (const s of data.status) counts[data.statuses[s]] = (counts[data.statuses[s]] || 0) + 1;
  const words = Object.entries(counts).map(([name, n]) => `${n} ${name.replace("_", " ")}`);
  const hours = data.wall_time.reduce((sum, t) => sum + (Number.isFinite(t) ? t : 0), 0) / 3600;
  return `${data.status.length} points, ${words.join(", ")}; ${hours.toPrecision(2)} core-hours; model ${data.model}, seed ${data.seed}, kernel ${data.kernel}; ${data.source}`;
}

async function open() {
  const began = performance.now();
  data = await unpacked(JSON.parse($("data").textContent));
  $("summary").textContent = summary();
  readLink();
  applyTheme();
  listen();
  const chosenElsewhere = location.hash.endsWith(".o");
  await refresh();
  if (chosenElsewhere) $("observable").focus();
  document.body.dataset.opened = (performance.now() - began).toFixed(1);
}

open().catch((error) => {
  $("summary").textContent = `This page could not be drawn: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});
