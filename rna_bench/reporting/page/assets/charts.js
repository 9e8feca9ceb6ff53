// Curves along runs in one figure, distinguished by colour and dashes; a table below has the numbers.
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const lineOf = (i) => ({ class: `curve c${1 + (i % 7)}`, "stroke-dasharray": DASHES[Math.floor(i / 7) % 4] || DASHES[i % 4] });

function keyOf(entries) {
  return make("ul", { class: "legend" }, entries.map((entry, i) => make("li", {},
    draw("svg", { width: 36, height: 12, viewBox: "0 0 36 12", "aria-hidden": "true" }, draw("path", { d: "M0,6H36", ...lineOf(i) })), entry)));
}

// A missing number interrupts a curve.
function pathOf(steps, values, x, y) {
  let open = false;
  return values.map((value, i) => {
    const part = value == null ? "" : `${open ? "L" : "M"}${x(steps[i]).toFixed(1)},${y(value).toFixed(1)}`;
    open = value != null;
    return part;
  }).join("");
}

// One figure of several runs' curves; null where no run has numbers.
function chart(title, curves) {
  const drawable = curves.filter(({ values }) => values?.some((value) => value != null));
  if (!drawable.length) return null;
  const [width, height] = [380, 250];
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} by step; the numbers are in the table below` });
  const xs = extent(drawable.flatMap(({ steps }) => steps), 0.01);
  const ys = extent(drawable.flatMap(({ values }) => values.filter((value) => value != null)));
  const { x, y } = axes(svg, { width, height, xs, ys, xName: "step", yName: "" });
  curves.forEach(({ steps, values }, i) => {
    if (values) svg.append(draw("path", { d: pathOf(steps, values, x, y), ...lineOf(i) }));
  });
  return make("figure", {}, make("figcaption", {}, title), make("div", { class: "plot" }, svg), numbersOf(title, curves));
}

function numbersOf(title, curves) {
  const steps = [...new Set(curves.flatMap(({ steps: own }) => own ?? []))].sort((a, b) => a - b);
  const at = curves.map(({ steps: own, values }) => new Map((own ?? []).map((step, i) => [step, values?.[i]])));
  const box = make("details", {}, make("summary", {}, "Numbers"));
  box.addEventListener("toggle", () => {
    if (box.childElementCount > 1) return;
    box.append(grid(title, ["step", ...curves.map(({ name }) => name)], steps.map((step) => [String(step), ...at.map((of) => short(of.get(step)))])));
  });
  return box;
}

const stepsOf = ({ width, forget }) => forget?.map((_, i) => i * width);

// All figures of the given runs.
function charts(some) {
  const of = (pick, steps) => some.map((run) => ({ name: run.id, steps: steps(detail(run)), values: pick(detail(run)) }));
  const losses = (key) => of((run) => run.losses[key], (run) => stepsOf(run.losses));
  const evals = (key) => of((run) => run.eval_points[key], (run) => run.eval_points.step);
  const figures = [
    chart("Forget loss in training", losses("forget")), chart("Retain loss in training", losses("retain")),
    chart("Forget loss by eval step", evals("loss")), chart("Forget accuracy, %", evals("forget")),
    chart("Retain accuracy, %", evals("retain")), chart("Perturbed accuracy, %", evals("perturbed")),
  ].filter(Boolean);
  return figures.length ? make("div", { class: "charts" }, figures) : make("p", {}, "Nothing was trained, so there are no curves.");
}
