// Lines of equal value through a grid of numbers, by marching squares: one path of short pieces.

// rows[j][i] is the number at x[i], y[j].
function contour(rows, level, x, y) {
  const pieces = [];
  const cross = (a, b, p, q) => p + ((level - a) / (b - a)) * (q - p);
  for (let j = 0; j + 1 < y.length; j++) {
    for (let i = 0; i + 1 < x.length; i++) {
      const a = rows[j][i], b = rows[j][i + 1], c = rows[j + 1][i + 1], d = rows[j + 1][i];
      // most squares lie on one side of the level
      if ((a < level && b < level && c < level && d < level) || (a >= level && b >= level && c >= level && d >= level)) continue;
      if (!Number.isFinite(a + b + c + d)) continue;
      const ends = [];
      if (a < level !== b < level) ends.push([cross(a, b, x[i], x[i + 1]), y[j]]);
      if (b < level !== c < level) ends.push([x[i + 1], cross(b, c, y[j], y[j + 1])]);
      if (d < level !== c < level) ends.push([cross(d, c, x[i], x[i + 1]), y[j + 1]]);
      if (a < level !== d < level) ends.push([x[i], cross(a, d, y[j], y[j + 1])]);
      for (let k = 0; k + 1 < ends.length; k += 2) pieces.push([ends[k], ends[k + 1]]);
    }
  }
  return pieces;
}

function pathOf(pieces) {
  return pieces.map(([p, q]) => `M${p[0].toFixed(1)} ${p[1].toFixed(1)}L${q[0].toFixed(1)} ${q[1].toFixed(1)}`).join("");
}
