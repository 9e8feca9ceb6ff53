// The address determines the view: #run=ID, #compare=ID,ID, or a section of the overview; address.js adds the state of the overview.
let routed = false;
let left = null; // the reader's position in the overview

function requestedView() {
  const parameters = requested();
  const ids = (parameters.get("compare") ?? parameters.get("run") ?? "").split(",").filter(Boolean);
  const some = [...new Set(ids)].map((id) => byId.get(id));
  if (!ids.length) return null;
  if (some.some((run) => !run)) return { title: "No such run", parts: missing(ids) };
  if (parameters.has("run")) return { title: `run ${ids[0]}`, parts: runView(some[0]) };
  if (some.length < 2) return { title: "compare", parts: missing(ids, "takes two runs or more") };
  chooseOnly(some.map((run) => run.id));
  return { title: `${some.length} runs compared`, parts: compareView(some) };
}

const missing = (ids, problem = "is not in this page") => [make("h1", { tabindex: -1 }, `${ids.join(", ")} ${problem}`),
  make("p", {}, make("a", { href: "#runs" }, "← all runs"))];

function route() {
  if (asksForState() || !routed) applyAddress();
  routed = true;
  const view = requestedView();
  if (view && !$("overview").hidden) left = { scroll: scrollY, focus: document.activeElement };
  $("overview").hidden = Boolean(view);
  $("view").hidden = !view;
  $("view").replaceChildren(...(view?.parts ?? []).filter(Boolean));
  document.title = view ? `rna_bench: ${view.title}` : `rna_bench: ${runs.length} runs`;
  if (view) {
    scrollTo({ top: 0, behavior: "instant" });
    $("view").querySelector("h1").focus({ preventScroll: true });
  } else back();
  keepAddress();
}

function back() {
  const [section] = [...requested()].find(([, value]) => !value) ?? [];
  const place = section ? $(section) : null;
  if (left) {
    scrollTo({ top: left.scroll, behavior: "instant" });
    left.focus?.focus?.({ preventScroll: true });
    left = null;
  } else place?.scrollIntoView();
}
