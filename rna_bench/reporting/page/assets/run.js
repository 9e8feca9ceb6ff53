// One run: how it ended, what it scored, what it was made from.
const ofScore = ({ accuracy, stderr, n, ties, group }) => [
  group || "all", ["number", String(n)], ["number", fixed(accuracy == null ? null : 100 * accuracy)],
  ["number", stderr == null ? "–" : fixed(100 * stderr)], ["number", String(ties)]];

function scoreTable(run) {
  const scores = scoresOf(run);
  const whole = scores.filter(({ group }) => !group);
  const rows = whole.map((score) => [score.task, score.role, score.form, ...ofScore(score).slice(1)]);
  const parts = scores.filter(({ group }) => group);
  const heads = ["task", "role", "form", "questions", "accuracy, %", "standard error", "ties"];
  const found = [grid("Scores", heads, rows)];
  if (parts.length) {
    found.push(make("details", {}, make("summary", {}, "By subject and category"),
      grid("Scores by subject and category", ["task", "form", "group", ...heads.slice(3)],
        parts.map((score) => [score.task, score.form, ...ofScore(score)]))));
  }
  return found;
}

function subjectTable(run) {
  const forms = formsOf(run);
  const found = forms.map((form) => subjectsOf(run, form));
  const names = [...new Set(found.flatMap((of) => [...of.keys()]))];
  if (!names.length) return null;
  const cell = (of, name) => ["number", of.has(name) ? fixed((100 * of.get(name)[1]) / of.get(name)[0]) : "–"];
  return panel("By subject, accuracy in %", grid("By subject", ["task / subject", ...forms], names.map((name) => [name, ...found.map((of) => cell(of, name))])));
}

function measuredOf(measured) {
  return Object.entries(measured).flatMap(([key, value]) => (value && typeof value === "object"
    ? measuredOf(value).map(([inner, text]) => [`${key}.${inner}`, text]) : [[key, value == null ? "–" : String(value)]]));
}

function runView(run) {
  const { reason, choices, fingerprints, provenance, command, measured, facts, path } = detail(run);
  const origin = (place) => Object.entries(all().origins[place]);
  const compare = make("button", { type: "button", onclick: () => { choose(run, true); location.hash = "runs"; } }, "Choose to compare");
  return [
    make("p", {}, make("a", { href: "#runs" }, "← all runs")),
    make("h1", { tabindex: -1 }, `Run ${run.id}`),
    make("p", {}, nameOf(run)),
    make("p", { class: run.status === "finished" ? null : "alarm" }, `Status: ${run.status}${reason ? ` (${reason})` : ""}.`),
    make("div", { class: "tools" }, compare),
    panel("Scores", scoreTable(run)),
    panel("Along the run", charts([run]), make("p", {}, "Accuracies at looks are on the questions asked along the run, a subset.")),
    subjectTable(run),
    panel("Provenance", pairs([
      ["record", `${path}/record.json`], ["sweep", run.sweep], ["command", make("code", {}, command.length ? `rna-bench … ${command.join(" ")}` : "not recorded")],
      ...origin(provenance)]), make("h3", {}, "Fingerprints"), pairs(origin(fingerprints))),
    panel("Settings", make("h3", {}, "Choices"), pairs(origin(choices)), make("h3", {}, "Resolved"), pairs([...settingsOf(run)])),
    panel("Found and measured", pairs([...Object.entries(facts).map(([key, value]) => [key, short(value)]), ...measuredOf(measured)])),
  ];
}
