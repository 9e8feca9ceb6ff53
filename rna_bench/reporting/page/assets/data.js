// The page's data: rows of the table are parsed at once, details of single runs when they are first needed.
const { columns, runs } = JSON.parse($("core").textContent);
const byId = new Map(runs.map((run, place) => [run.id, Object.assign(run, { place })]));
let parsed = null;

function all() {
  parsed ??= JSON.parse($("details").textContent);
  return parsed;
}

const detail = (run) => all().runs[run.place];
const settingsOf = (run) => new Map(detail(run).settings.map((place) => all().settings[place]));
const nameOf = (run) => `${run.method}${run.scale > 0 ? `, noise ${run.noise}` : ""}, seed ${run.seed}, ${run.model}`;

// Every score of a run: task, role, perturbation, group ("" for the whole task), n, accuracy (0..1), standard error, ties.
function scoresOf(run) {
  return detail(run).scores.map(([key, accuracy, stderr, ties = 0]) => {
    const [task, role, perturbation, group, n] = all().keys[key];
    return { task, role, perturbation, group, n, accuracy, stderr, ties };
  });
}

// Which responses under a perturbation are right, as a map from the question's place in the order to true or false.
function rightOf(run, perturbation) {
  const { order, bits } = detail(run);
  const right = new Map();
  if (order == null) return right;
  const bytes = Uint8Array.from(atob(bits), (letter) => letter.charCodeAt(0));
  let bit = 0;
  for (const [name, spans] of Object.entries(all().orders[order].perturbations)) {
    for (const [first, count] of spans) {
      for (let i = 0; i < count; i++, bit++) {
        if (name === perturbation) right.set(first + i, Boolean(bytes[bit >> 3] & (128 >> (bit & 7))));
      }
    }
  }
  return right;
}

// The questions of a run, in order.
const questionsOf = (run) => all().orders[detail(run).order].groups.flatMap(
  ([task, subject, names]) => names.map((name) => ({ task, subject, name, key: `${task} ${name}` })));

// By task and subject, how many questions were asked under a perturbation and how many are right.
function subjectsOf(run, perturbation) {
  const { order, asked, right } = detail(run);
  const counts = new Map();
  if (order == null) {
    for (const score of scoresOf(run)) {
      if (score.group && score.perturbation === perturbation) counts.set(`${score.task} / ${score.group}`, [score.n, score.accuracy * score.n]);
    }
    return counts;
  }
  const perturbations = Object.keys(all().orders[order].perturbations);
  const at = perturbations.indexOf(perturbation);
  if (at < 0) return counts;
  all().orders[order].groups.forEach(([task, subject], i) => {
    const n = all().counts[asked][perturbation][i];
    if (n) counts.set(`${task} / ${subject}`, [n, right[at][i]]);
  });
  return counts;
}

const perturbationsOf = (run) => [...new Set(scoresOf(run).map((score) => score.perturbation))];
