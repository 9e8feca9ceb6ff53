// Filters, order and chosen runs are in the address, so that a link, a reload and the back button show the same page. An address
// that this page wrote is complete; a link to a run or to a section says nothing of them, and leaves them as they are.
const VIEWS = ["run", "compare"];
const STATE = ["words", "sort", "chosen", ...FILTERS];
const requested = () => new URLSearchParams(location.hash.slice(1));
const asksForState = () => history.state?.complete || STATE.some((key) => requested().has(key));

function stateOfPage() {
  const state = new URLSearchParams();
  if ($("words").value.trim()) state.set("words", $("words").value.trim());
  for (const key of FILTERS) if ($(`by-${key}`).value) state.set(key, $(`by-${key}`).value);
  if (order.key) state.set("sort", `${order.down ? "-" : ""}${order.key}`);
  if (chosen.size && !requested().has("compare")) state.set("chosen", [...chosen].join("."));
  return state;
}

function keepAddress() {
  const place = [...requested()].filter(([key, value]) => VIEWS.includes(key) || !value).map(([key, value]) => (value ? `${key}=${value}` : key));
  const parts = [...place, stateOfPage().toString()].filter(Boolean);
  history.replaceState({ complete: true }, "", `${location.href.split("#")[0]}${parts.length ? "#" : ""}${parts.join("&")}`);
}

function applyAddress() {
  const state = requested();
  $("words").value = state.get("words") ?? "";
  for (const key of FILTERS) {
    $(`by-${key}`).value = state.get(key) ?? "";
    if ($(`by-${key}`).selectedIndex < 0) $(`by-${key}`).value = "";
  }
  const [, minus, key] = /^(-?)(.*)$/.exec(state.get("sort") ?? "");
  order = columns.some((column) => column.key === key) ? { key, down: Boolean(minus) } : { key: null, down: false };
  markOrder();
  const ids = state.get("compare")?.split(",") ?? state.get("chosen")?.split(".") ?? [];
  chooseOnly(ids.filter((id) => byId.has(id)));
  filter();
}
