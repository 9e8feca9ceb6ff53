// Elements are created, never parsed from HTML, so that a name from a record is always text.
const $ = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null));
  return element;
}

const make = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const fixed = (value, places = 1) => (value == null ? "–" : value.toFixed(places));
const signed = (value, places = 1) => (value == null ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(value).toFixed(places));
const short = (value) => (value == null ? "–" : String(Number(value.toPrecision(4))));

// Long names may break after dots, underscores, slashes and equals signs.
const soft = (text) => (typeof text === "string" ? text.split(/(?<=[._/=])/).flatMap((part, i) => (i ? [make("wbr"), part] : part)) : text);

// A table with headings in its first row and column; cells are text, elements, or [class, text].
function grid(caption, heads, rows) {
  const cell = (value) => {
    if (Array.isArray(value)) return make("td", { class: value[0] }, soft(value[1]));
    return make("td", {}, value == null ? "–" : value);
  };
  const numbers = (rows[0] ?? []).map((value) => Array.isArray(value) && value[0] === "number");
  const head = (text, i) => make("th", { scope: "col", class: numbers[i] ? "number" : null }, text);
  const line = ([first, ...rest]) => make("tr", {}, make("th", { scope: "row" }, soft(first)), rest.map(cell));
  return make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": caption },
    make("table", {},
      make("thead", {}, make("tr", {}, heads.map(head))),
      make("tbody", {}, rows.map(line))));
}

const pairs = (entries) => make("dl", { class: "pairs" },
  entries.map(([key, value]) => make("div", {}, make("dt", {}, soft(key)), make("dd", {}, value == null ? "–" : soft(value)))));

const panel = (title, ...children) => make("section", { class: "panel" }, make("h2", {}, title), children);

const choice = (label, options, value, change) => make("label", {}, label,
  make("select", { onchange: (event) => change(event.target.value) },
    options.map(([key, text]) => make("option", { value: key, selected: key === value }, text))));
