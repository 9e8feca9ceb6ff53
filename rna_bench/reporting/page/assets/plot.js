// The trade-off plot: a mark for each run, with shape and colour by method, filled with noise and hollow without.
// It is plain SVG and no library: there is one mark for each run, and each can be reached by keyboard.
const SHAPES = [
  "M-5,0A5,5 0 1 0 5,0A5,5 0 1 0 -5,0Z", "M-4.6,-4.6H4.6V4.6H-4.6Z", "M0,-6L5.6,4.4H-5.6Z", "M0,-6.4L5.4,0L0,6.4L-5.4,0Z",
  "M0,6L5.6,-4.4H-5.6Z", "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "M0,-6L5.7,-1.9L3.5,4.9H-3.5L-5.7,-1.9Z", "M-6,0L-3,-5.2H3L6,0L3,5.2H-3Z",
  "M0,-7L1.9,-2.3L6.7,-2.2L2.9,0.9L4.1,5.7L0,3L-4.1,5.7L-2.9,0.9L-6.7,-2.2L-1.9,-2.3Z",
];
const often = new Map();
for (const { method } of runs) often.set(method, (often.get(method) ?? 0) + 1);
const methods = [...often.keys()].sort((a, b) => (b === "none") - (a === "none") || often.get(b) - often.get(a) || compared(a, b));
const plotted = runs.filter((run) => run.forget != null && run.perturbed != null);
const points = new Map();
let visible = [];
let drawn = 0; // the width that the plot was drawn for

const shapeOf = (method) => SHAPES[methods.indexOf(method) % SHAPES.length];
const colourOf = (method) => { // the first colour, ink, is reserved for the base model
  const place = methods.indexOf(method) - (methods[0] === "none");
  return place < 0 ? "c0" : `c${1 + (place % 7)}`;
};
const mark = (method, fill) => draw("path", { d: shapeOf(method), class: `point ${colourOf(method)}${fill ? " filled" : ""}` });
const description = (run) => `${run.method}, ${run.scale > 0 ? `noise ${run.noise}` : "no noise"}, seed ${run.seed}\n${run.model}, ${run.sweep}\n`
  + `forget ${fixed(run.forget)}, perturbed ${fixed(run.perturbed)}`;

function pointOf(run, x, y) {
  const point = mark(run.method, run.scale > 0);
  filled(point, {
    transform: `translate(${x(run.forget).toFixed(1)},${y(run.perturbed).toFixed(1)})`, role: "checkbox", tabindex: -1,
    "aria-label": description(run).replaceAll("\n", ", "), "aria-checked": String(chosen.has(run.id)), "data-id": run.id,
  }, []);
  return point;
}

function drawPlot() {
  const width = $("plot").clientWidth;
  if (!width) return; // a hidden plot is not redrawn
  drawn = width;
  points.clear();
  if (!visible.length) {
    $("plot").replaceChildren(make("p", { class: "empty" }, plotted.length ? "No run to show." : "No run has both forget questions and triggers."));
    return;
  }
  const height = Math.max(320, Math.min(520, width * 0.6));
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-labelledby": "tradeoff-title", "aria-describedby": "plot-help" });
  const [xs, ys] = ["forget", "perturbed"].map((key) => extent(visible.map((run) => run[key]), 0.04, 10));
  const { x, y, box } = axes(svg, { width, height, xs, ys, xName: "forget accuracy, % (← forgotten)", yName: "perturbed accuracy, % (↑ robust)" });
  if (xs[0] < 25 && xs[1] > 25) svg.append(draw("line", { class: "chance", x1: x(25), x2: x(25), y1: box.top, y2: box.bottom }));
  if (ys[0] < 25 && ys[1] > 25) svg.append(draw("line", { class: "chance", x1: box.left, x2: box.right, y1: y(25), y2: y(25) }));
  for (const run of visible) points.set(run.id, svg.appendChild(pointOf(run, x, y)));
  points.get(visible[0].id).setAttribute("tabindex", 0); // the plot is one tab stop; arrow keys move within it
  $("plot").replaceChildren(svg, make("div", { class: "tip", hidden: true, id: "tip" }));
}

function showPoints(some) {
  const on = new Set(some);
  visible = plotted.filter((run) => on.has(run)).sort((a, b) => a.forget - b.forget || b.perturbed - a.perturbed);
  drawPlot();
}

function tip(target) {
  const run = byId.get(target?.dataset?.id);
  $("tip").hidden = !run;
  if (!run) return;
  $("tip").textContent = description(run);
  const frame = $("plot").getBoundingClientRect();
  const place = target.getBoundingClientRect();
  $("tip").style.left = `${Math.max(0, Math.min(place.left - frame.left + 14, frame.width - $("tip").offsetWidth))}px`;
  $("tip").style.top = `${Math.max(0, place.top - frame.top - $("tip").offsetHeight - 4)}px`;
}

function stepTo(event) {
  const run = byId.get(event.target.dataset?.id);
  const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!run) return;
  if (event.key === "Enter" || event.key === " ") choose(run, !chosen.has(run.id));
  else if (event.key === "Escape") tip(null);
  else if (move || event.key === "Home" || event.key === "End") {
    const at = visible.indexOf(run) + (move ?? 0);
    const next = event.key === "Home" ? 0 : event.key === "End" ? visible.length - 1 : Math.max(0, Math.min(visible.length - 1, at));
    event.target.setAttribute("tabindex", -1);
    const point = points.get(visible[next].id);
    point.setAttribute("tabindex", 0);
    point.focus();
  } else return;
  event.preventDefault();
}

function setUpPlot() {
  const plot = $("plot");
  new ResizeObserver(() => plot.clientWidth !== drawn && drawPlot()).observe(plot);
  plot.addEventListener("click", (event) => {
    const run = byId.get(event.target.dataset?.id);
    if (run) choose(run, !chosen.has(run.id));
  });
  plot.addEventListener("keydown", stepTo);
  for (const type of ["pointerover", "focusin"]) plot.addEventListener(type, (event) => visible.length && tip(event.target));
  for (const type of ["pointerleave", "focusout"]) plot.addEventListener(type, () => visible.length && tip(null));
  $("legend").append(...methods.map((method) => make("li", {},
    draw("svg", { width: 34, height: 16, viewBox: "-8 -8 34 16", "aria-hidden": "true" }, mark(method, false),
      method === "none" ? null : draw("g", { transform: "translate(17)" }, mark(method, true))), method)));
  followers.push(() => points.forEach((point, id) => point.setAttribute("aria-checked", chosen.has(id))));
}
