// The address says what is shown: #run=ID, #compare=ID,ID, or a place in the overview. Back and forward work.
let left = null; // where the reader was in the overview

function wanted() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const ids = (asked.get("compare") ?? asked.get("run") ?? "").split(",").filter(Boolean);
  const found = [...new Set(ids)].map((id) => byId.get(id));
  if (!ids.length) return null;
  if (found.some((run) => !run)) return { title: "No such run", parts: missing(ids) };
  if (asked.has("run")) return { title: `run ${ids[0]}`, parts: runView(found[0]) };
  if (found.length < 2) return { title: "compare", parts: missing(ids, "takes two runs or more") };
  chooseOnly(found.map((run) => run.id));
  return { title: `${found.length} runs compared`, parts: compareView(found) };
}

const missing = (ids, said = "is not in this page") => [make("h1", { tabindex: -1 }, `${ids.join(", ")} ${said}`),
  make("p", {}, make("a", { href: "#runs" }, "← all runs"))];

function route() {
  const view = wanted();
  if (view && !$("overview").hidden) left = { scroll: scrollY, focus: document.activeElement };
  $("overview").hidden = Boolean(view);
  $("view").hidden = !view;
  $("view").replaceChildren(...(view?.parts ?? []).filter(Boolean));
  document.title = view ? `rna_bench: ${view.title}` : `rna_bench: ${runs.length} runs`;
  if (view) {
    scrollTo({ top: 0, behavior: "instant" });
    $("view").querySelector("h1").focus({ preventScroll: true });
  } else back();
}

function back() {
  const place = location.hash.length > 1 ? $(location.hash.slice(1)) : null;
  if (left) {
    scrollTo({ top: left.scroll, behavior: "instant" });
    left.focus?.focus?.({ preventScroll: true });
    left = null;
  } else place?.scrollIntoView();
}
