// The record of the chosen cell, the command that computes it again, and the table of a cut.

function number(value, error) {
  if (!Number.isFinite(value)) return "none";
  if (!(error > 0)) return label(value);
  const digits = Math.max(0, Math.min(12, 1 - Math.floor(Math.log10(error))));
  return Math.abs(value) >= 1e5 || error < 1e-6 ? `${value.toExponential(3)} ± ${error.toExponential(1)}` : `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
}

function coordinatesAt(data, names, at) {
  return names.flatMap((name) => data.axisOf[name].coordinates.map((c) => [c, c.values[at[name]]]));
}

// A word as a shell takes it for one: as it stands, or in single quotes.
function shellWord(word) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function commandOf(data, state) {
  const words = coordinatesAt(data, data.swept, state.at).map(([c, v]) => shellWord(`${c.name}=${v}`));
  return `${data.command} ${words.join(" ")} --check`;
}

function recordOf(data, observable, state) {
  const k = offset(data, observable.axes, state.at);
  const cell = offset(data, data.swept, state.at);
  const units = observable.units === "1" ? "" : ` ${observable.units}`;
  const flag = observable.flags[observable.flag[k]];
  const [theory, expected] = [observable.theory[k], observable.expected[k]];
  const differs = Number.isFinite(expected) && Math.abs(expected - theory) > 1e-6 * Math.abs(theory);
  return [
    ["status", data.statuses[data.status[cell]].replace("_", " ")],
    [observable.long_name, number(observable.value[k], observable.error[k]) + (Number.isFinite(observable.value[k]) ? units : "")],
    ["theory", Number.isFinite(theory) ? `${Number(theory.toPrecision(5))}${units} (${observable.theory_kind || "exact"})` : "none"],
    ...(differs ? [["expected at this dt", `${Number(expected.toPrecision(5))}${units}`]] : []),
    ["z-score", Number.isFinite(observable.z[k]) ? observable.z[k].toFixed(2) : `none (${flag.replace("_", " ")})`],
    ["leading rate", label(data.rate[cell])],
    ["wall time", Number.isFinite(data.wall_time[cell]) ? `${data.wall_time[cell].toPrecision(3)} s` : "none"],
    ["root seed", data.seed],
    ["kernel version", data.kernel],
    ["source", observable.source],
    ["key", keyOf(data, cell)],
  ];
}

function rowsOfCut(data, observable, state, x) {
  return orderOfCut(data, state, x).map((i) => {
    const value = x.values[i];
    const at = { ...state.at, [x.axis]: i };
    const k = offset(data, observable.axes, at);
    const parts = [observable.value, observable.error, observable.theory, observable.z].map((a) => (Number.isFinite(a[k]) ? Number(a[k].toPrecision(6)) : ""));
    return [value, ...parts, statusAt(data, at)];
  });
}

function tableOf(data, observable, state, x) {
  const head = [titleOf(x), "estimate", "standard error", "theory", "z", "status"];
  const titles = head.map((v) => `<th scope="col">${escaped(v)}</th>`).join("");
  const body = rowsOfCut(data, observable, state, x).map((row) => `<tr>${row.map((v) => `<td>${escaped(v)}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${titles}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}

// A field as RFC 4180 has it: in quotes where it holds what ends a field or a line.
function csvField(value) {
  const words = String(value);
  return /[",\r\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
}

// Every cell of the observable that is shown, with its error, theory, z, status and key.
function csvOf(data, observable) {
  const names = observable.axes;
  const coordinates = names.flatMap((name) => data.axisOf[name].coordinates.map((c) => [name, c]));
  const rows = [[...coordinates.map(([, c]) => c.name), observable.name, "standard_error", "theory", "z", "status", "key"]];
  const walk = (k, at) => {
    if (k < names.length) {
      for (let i = 0; i < data.axisOf[names[k]].n; i++) walk(k + 1, { ...at, [names[k]]: i });
      return;
    }
    const p = offset(data, names, at);
    const cell = offset(data, data.swept, at);
    const parts = [observable.value, observable.error, observable.theory, observable.z].map((a) => (Number.isFinite(a[p]) ? String(Number(a[p].toPrecision(7))) : ""));
    rows.push([...coordinates.map(([name, c]) => c.values[at[name]]), ...parts, data.statuses[data.status[cell]], keyOf(data, cell)]);
  };
  walk(0, {});
  return rows.map((row) => row.map(csvField).join(",") + "\n").join("");
}
