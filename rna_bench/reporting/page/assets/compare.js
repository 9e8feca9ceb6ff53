// Runs side by side: the others are compared with the first, and any of them can be made the first.
function settingsTable(some) {
  const settings = some.map(settingsOf);
  const keys = [...new Set(settings.flatMap((of) => [...of.keys()]))].sort();
  const differ = keys.filter((key) => settings.some((of) => of.get(key) !== settings[0].get(key)));
  if (!differ.length) return make("p", {}, "All settings are the same.");
  return grid("Settings that differ", ["setting", ...some.map(({ id }) => id)], differ.map((key) => [key, ...settings.map((of) => ["free", of.get(key) ?? "–"])]));
}

const change = (value, first) => (value == null || first == null ? "" : ` (${signed(value - first)})`);
const scoreCell = (value, first, isFirst) => ["number", fixed(value) + (isFirst ? "" : change(value, first))];

function scoresTable(some) {
  const key = ({ task, perturbation }) => `${task}, ${perturbation}`;
  const accuracies = some.map((run) => new Map(scoresOf(run).filter(({ group }) => !group).map((score) => [key(score), 100 * score.accuracy])));
  const names = [...new Set(accuracies.flatMap((of) => [...of.keys()]))];
  const rows = [["all forget questions", ...some.map((run, i) => scoreCell(run.forget, some[0].forget, !i))],
    ["perturbed, mean over trigger types", ...some.map((run, i) => scoreCell(run.perturbed, some[0].perturbed, !i))],
    ["drop beyond control", ...some.map((run, i) => scoreCell(run.drop, some[0].drop, !i))]];
  return grid("Scores", ["accuracy, %", ...some.map(({ id }) => id)],
    [...rows, ...names.map((name) => [name, ...accuracies.map((of, i) => scoreCell(of.get(name), accuracies[0].get(name), !i))])]);
}

function subjectsTable(some, perturbation) {
  const counts = some.map((run) => subjectsOf(run, perturbation));
  const names = [...new Set(counts.flatMap((of) => [...of.keys()]))];
  if (!names.length) return make("p", {}, "There are no subjects under this perturbation.");
  const percent = (of, name) => (of.has(name) ? (100 * of.get(name)[1]) / of.get(name)[0] : null);
  return grid("By subject", [`task / subject, ${perturbation}, %`, ...some.map(({ id }) => id)],
    names.map((name) => [name, ...counts.map((of, i) => scoreCell(percent(of, name), percent(counts[0], name), !i))]));
}

const compareHash = (some) => `#compare=${some.map(({ id }) => id).join(",")}`;

function listOf(some) {
  const entry = (run) => make("span", {}, make("a", { href: `#run=${run.id}`, class: "mono" }, run.id), ` ${nameOf(run)} `,
    some.length > 2 ? make("a", { href: compareHash(some.filter((other) => other !== run)), "aria-label": `leave out ${run.id}` }, "leave out") : null);
  return keyOf(some.map(entry));
}

function compareView(some) {
  const perturbations = [...new Set(some.flatMap(perturbationsOf))];
  const parts = { subjects: make("div"), flips: make("div") };
  const show = (perturbation) => {
    parts.subjects.replaceChildren(subjectsTable(some, perturbation));
    parts.flips.replaceChildren(...some.slice(1).flatMap((run) => flipsOf(some[0], run, perturbation)));
  };
  const first = perturbations.includes("option") ? "option" : perturbations[0];
  show(first);
  const lead = (id) => { location.hash = compareHash([byId.get(id), ...some.filter((run) => run.id !== id)]); };
  return [
    make("p", {}, make("a", { href: "#runs" }, "← all runs")),
    make("h1", { tabindex: -1 }, `${some.length} runs compared`),
    listOf(some),
    make("div", { class: "tools" }, choice("Compared with", some.map((run) => [run.id, `${run.id} (${nameOf(run)})`]), some[0].id, lead)),
    panel("Settings that differ", settingsTable(some)),
    panel("Scores", make("p", {}, "In brackets: the difference from the first run, in points."), scoresTable(some)),
    panel("Along the runs", charts(some)),
    panel("Subjects and flipped questions", make("div", { class: "tools" }, choice("Perturbation", perturbations.map((perturbation) => [perturbation, perturbation]), first, show)),
      parts.subjects, make("h2", {}, "Flipped questions"), make("p", {}, `Compared with the first run, ${some[0].id} (${nameOf(some[0])}).`), parts.flips),
  ];
}
