// One run: its status, scores, settings and provenance.
const ofScore = ({ accuracy, stderr, n, ties, group }) => [
  group || "all", ["number", String(n)], ["number", fixed(accuracy == null ? null : 100 * accuracy)],
  ["number", stderr == null ? "–" : fixed(100 * stderr)], ["number", String(ties)]];

function scoreTable(run) {
  const scores = scoresOf(run);
  const whole = scores.filter(({ group }) => !group);
  const rows = whole.map((score) => [score.task, score.role, score.perturbation, ...ofScore(score).slice(1)]);
  const parts = scores.filter(({ group }) => group);
  const heads = ["task", "role", "perturbation", "questions", "accuracy, %", "standard error", "ties"];
  const tables = [grid("Scores", heads, rows)];
  if (parts.length) {
    tables.push(make("details", {}, make("summary", {}, "By subject and category"),
      grid("Scores by subject and category", ["task", "perturbation", "group", ...heads.slice(3)],
        parts.map((score) => [score.task, score.perturbation, ...ofScore(score)]))));
  }
  return tables;
}

function subjectTable(run) {
  const perturbations = perturbationsOf(run);
  const counts = perturbations.map((perturbation) => subjectsOf(run, perturbation));
  const names = [...new Set(counts.flatMap((of) => [...of.keys()]))];
  if (!names.length) return null;
  const cell = (of, name) => ["number", of.has(name) ? fixed((100 * of.get(name)[1]) / of.get(name)[0]) : "–"];
  return panel("By subject, accuracy in %", grid("By subject", ["task / subject", ...perturbations], names.map((name) => [name, ...counts.map((of) => cell(of, name))])));
}

function measuredOf(measured) {
  return Object.entries(measured).flatMap(([key, value]) => (value && typeof value === "object"
    ? measuredOf(value).map(([inner, text]) => [`${key}.${inner}`, text]) : [[key, value == null ? "–" : String(value)]]));
}

function runView(run) {
  const { reason, choices, fingerprints, provenance, command, measured, statistics, path } = detail(run);
  const origin = (place) => Object.entries(all().origins[place]);
  const compare = make("button", { type: "button", onclick: () => { choose(run, true); location.hash = "runs"; } }, "Choose to compare");
  return [
    make("p", {}, make("a", { href: "#runs" }, "← all runs")),
    make("h1", { tabindex: -1 }, `Run ${run.id}`),
    make("p", {}, nameOf(run)),
    make("p", { class: run.status === "finished" ? null : "alarm" }, `Status: ${run.status}${reason ? ` (${reason})` : ""}.`),
    make("div", { class: "tools" }, compare),
    panel("Scores", scoreTable(run)),
    panel("Along the run", charts([run]), make("p", {}, "Accuracies by eval step are on the questions scored along the run, a subset.")),
    subjectTable(run),
    panel("Provenance", pairs([
      ["record", `${path}/record.json`], ["sweep", run.sweep], ["command", make("code", {}, command.length ? `rna-bench … ${command.join(" ")}` : "not recorded")],
      ...origin(provenance)]), make("h3", {}, "Fingerprints"), pairs(origin(fingerprints))),
    panel("Settings", make("h3", {}, "Choices"), pairs(origin(choices)), make("h3", {}, "Resolved"), pairs([...settingsOf(run)])),
    panel("Statistics and measurements", pairs([...Object.entries(statistics).map(([key, value]) => [key, short(value)]), ...measuredOf(measured)])),
  ];
}
