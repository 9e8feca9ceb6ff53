// The table of runs: filtered, sorted, and shown fifty rows at a time, so that it stays fast with a thousand runs.
const PAGE = 50;
const FILTERS = ["sweep", "model", "method", "noise", "status"];
const hay = runs.map((run) => ["", run.id, run.sweep, run.model, run.method, `noise ${run.noise}`, run.settings, `seed ${run.seed}`, run.status, ""]
  .join(" ").toLowerCase());
let shown = runs;
let order = { key: null, down: false };
let page = 0;

const compared = (one, other) => (typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other);

function sorted(some) {
  if (!order.key) return some;
  const by = order.key === "noise" ? (run) => run.scale : (run) => run[order.key];
  const present = some.filter((run) => by(run) != null);
  present.sort((one, other) => compared(by(one), by(other)) * (order.down ? -1 : 1) || one.place - other.place);
  return [...present, ...some.filter((run) => by(run) == null)];
}

// Every word must match the beginning of a word; a number belongs to the word before it, so that "seed 1" does not match seed 10.
function wordsIn(text) {
  return (text.toLowerCase().match(/[^\s,]+(?:\s+[\d.]+(?=[\s,]|$))?/g) ?? [])
    .map((word) => ` ${word.replace(/\s+/, " ")}${/\s/.test(word) ? " " : ""}`);
}

function matching() {
  const words = wordsIn($("words").value);
  const picked = FILTERS.map((key) => [key, $(`by-${key}`).value]).filter(([, value]) => value);
  const has = (run, key, value) => (key === "sweep" ? run.sweeps.includes(value) : run[key] === value);
  return runs.filter((run) => picked.every(([key, value]) => has(run, key, value)) && words.every((word) => hay[run.place].includes(word)));
}

function cellOf(run, { key, numeric }) {
  if (key === "id") return make("td", { class: "mono" }, make("a", { href: `#run=${run.id}` }, run.id));
  if (!numeric) return make("td", {}, run[key]);
  return make("td", { class: "number" }, key === "seed" ? String(run.seed) : fixed(run[key], key === "loss" ? 2 : 1));
}

function rowOf(run) {
  const box = make("input", {
    type: "checkbox", "aria-label": `compare ${run.id}: ${nameOf(run)}`, checked: chosen.has(run.id),
    onchange: (event) => choose(run, event.target.checked),
  });
  return make("tr", { "data-id": run.id }, make("td", {}, box), columns.map((column) => cellOf(run, column)));
}

function fill() {
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  page = Math.min(page, pages - 1);
  const some = shown.slice(page * PAGE, (page + 1) * PAGE);
  document.querySelector("#table tbody").replaceChildren(...some.map(rowOf));
  $("count").textContent = shown.length === runs.length ? `All ${runs.length} runs.` : `${shown.length} of ${runs.length} runs.`;
  $("place").textContent = shown.length ? `rows ${page * PAGE + 1} to ${page * PAGE + some.length} of ${shown.length}` : "no run matches";
  $("earlier").disabled = page === 0;
  $("later").disabled = page === pages - 1;
}

function filter() {
  page = 0;
  shown = sorted(matching());
  fill();
  showPoints(shown);
  keepAddress();
}

function markOrder() {
  for (const head of document.querySelectorAll("#table th[aria-sort]")) {
    const mine = head.firstElementChild.dataset.key === order.key;
    head.setAttribute("aria-sort", mine ? (order.down ? "descending" : "ascending") : "none");
  }
}

function sort(key) {
  order = { key, down: order.key === key && !order.down };
  markOrder();
  page = 0;
  shown = sorted(shown);
  fill();
  keepAddress();
}

function turn(by) {
  page += by;
  fill();
  $("runs").scrollIntoView();
}

function setUpTable() {
  for (const key of FILTERS) {
    const inOrder = [...runs].sort((a, b) => a.scale - b.scale);
    const values = [...new Set(inOrder.flatMap((run) => (key === "sweep" ? run.sweeps : run[key])))];
    if (key !== "noise") values.sort(compared);
    $(`by-${key}`).append(...values.map((value) => make("option", { value }, value)));
  }
  for (const button of document.querySelectorAll("#table th button")) {
    button.parentElement.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(button.dataset.key));
  }
  $("filters").addEventListener("input", filter);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("reset", () => setTimeout(filter));
  $("earlier").addEventListener("click", () => turn(-1));
  $("later").addEventListener("click", () => turn(1));
  followers.push(() => {
    for (const box of document.querySelectorAll("#table tbody input")) box.checked = chosen.has(box.closest("tr").dataset.id);
    keepAddress();
  });
  fill();
}
