// Axes of the trade-off plot and of curves.
function ticks(low, high, count = 6) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(Number((i * step).toPrecision(10)));
  return values;
}

function extent(values, room = 0.04, least = 0) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const more = Math.max((high - low || 1) * room, (least - high + low) / 2);
  return [low - more, high + more];
}

const scaled = ([low, high], [from, to]) => (value) => from + ((value - low) / (high - low)) * (to - from);

// Draws grid, ticks and names of both axes; returns the functions that map a value to a position.
function axes(svg, { width, height, xs, ys, xName, yName }) {
  const box = { left: 52, right: width - 14, top: 24, bottom: height - 44 };
  const x = scaled(xs, [box.left, box.right]);
  const y = scaled(ys, [box.bottom, box.top]);
  for (const value of ticks(...xs, width < 500 ? 5 : 9)) {
    svg.append(draw("line", { class: "grid", x1: x(value), x2: x(value), y1: box.top, y2: box.bottom }),
      draw("text", { class: "soft", x: x(value), y: box.bottom + 16, "text-anchor": "middle" }, String(value)));
  }
  for (const value of ticks(...ys)) {
    svg.append(draw("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      draw("text", { class: "soft", x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  svg.append(draw("text", { x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, xName),
    draw("text", { x: 8, y: 15 }, yName));
  return { x, y, box };
}
