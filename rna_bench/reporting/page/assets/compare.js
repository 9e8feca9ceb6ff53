// Runs side by side: the first is what the others are held against, and any of them can be it.
function settingsTable(some) {
  const settings = some.map(settingsOf);
  const keys = [...new Set(settings.flatMap((of) => [...of.keys()]))].sort();
  const differ = keys.filter((key) => settings.some((of) => of.get(key) !== settings[0].get(key)));
  if (!differ.length) return make("p", {}, "All settings are the same.");
  return grid("Settings that differ", ["setting", ...some.map(({ id }) => id)], differ.map((key) => [key, ...settings.map((of) => ["free", of.get(key) ?? "–"])]));
}

const change = (value, first) => (value == null || first == null ? "" : ` (${signed(value - first)})`);
const held = (value, first, isFirst) => ["number", fixed(value) + (isFirst ? "" : change(value, first))];

function scoresTable(some) {
  const key = ({ task, form }) => `${task}, ${form}`;
  const found = some.map((run) => new Map(scoresOf(run).filter(({ group }) => !group).map((score) => [key(score), 100 * score.accuracy])));
  const names = [...new Set(found.flatMap((of) => [...of.keys()]))];
  const rows = [["all forget questions", ...some.map((run, i) => held(run.forget, some[0].forget, !i))],
    ["under triggers, mean over kinds", ...some.map((run, i) => held(run.perturbed, some[0].perturbed, !i))],
    ["damage beyond controls", ...some.map((run, i) => held(run.damage, some[0].damage, !i))]];
  return grid("Scores", ["accuracy, %", ...some.map(({ id }) => id)],
    [...rows, ...names.map((name) => [name, ...found.map((of, i) => held(of.get(name), found[0].get(name), !i))])]);
}

function subjectsTable(some, form) {
  const found = some.map((run) => subjectsOf(run, form));
  const names = [...new Set(found.flatMap((of) => [...of.keys()]))];
  if (!names.length) return make("p", {}, "No subjects are known under this form.");
  const percent = (of, name) => (of.has(name) ? (100 * of.get(name)[1]) / of.get(name)[0] : null);
  return grid("By subject", [`task / subject, ${form}, %`, ...some.map(({ id }) => id)],
    names.map((name) => [name, ...found.map((of, i) => held(percent(of, name), percent(found[0], name), !i))]));
}

const compareHash = (some) => `#compare=${some.map(({ id }) => id).join(",")}`;

function listOf(some) {
  const entry = (run) => make("span", {}, make("a", { href: `#run=${run.id}`, class: "mono" }, run.id), ` ${nameOf(run)} `,
    some.length > 2 ? make("a", { href: compareHash(some.filter((other) => other !== run)), "aria-label": `leave out ${run.id}` }, "leave out") : null);
  return keyOf(some.map(entry));
}

function compareView(some) {
  const forms = [...new Set(some.flatMap(formsOf))];
  const parts = { subjects: make("div"), flips: make("div") };
  const show = (form) => {
    parts.subjects.replaceChildren(subjectsTable(some, form));
    parts.flips.replaceChildren(...some.slice(1).flatMap((run) => flipsOf(some[0], run, form)));
  };
  const first = forms.includes("option") ? "option" : forms[0];
  show(first);
  const lead = (id) => { location.hash = compareHash([byId.get(id), ...some.filter((run) => run.id !== id)]); };
  return [
    make("p", {}, make("a", { href: "#runs" }, "← all runs")),
    make("h1", { tabindex: -1 }, `${some.length} runs compared`),
    listOf(some),
    make("div", { class: "tools" }, choice("Held against", some.map((run) => [run.id, `${run.id} (${nameOf(run)})`]), some[0].id, lead)),
    panel("Settings that differ", settingsTable(some)),
    panel("Scores", make("p", {}, "In brackets: points more or fewer than the first run."), scoresTable(some)),
    panel("Along the runs", charts(some)),
    panel("Subjects and flipped questions", make("div", { class: "tools" }, choice("Form of the questions", forms.map((form) => [form, form]), first, show)),
      parts.subjects, make("h2", {}, "Flipped questions"), make("p", {}, `Against the first, ${some[0].id} (${nameOf(some[0])}).`), parts.flips),
  ];
}
