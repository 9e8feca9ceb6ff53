// What the page knows: rows for the table at once, details of single runs when they are first asked for.
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

// Every score of a run: task, role, form, group ("" for the whole task), n, accuracy (0..1), standard error, ties.
function scoresOf(run) {
  return detail(run).scores.map(([key, accuracy, stderr, ties]) => {
    const [task, role, form, group, n] = all().keys[key];
    return { task, role, form, group, n, accuracy, stderr, ties };
  });
}

// Which answers of a form were right, as a map from the question's place in the exam to true or false.
function rightOf(run, form) {
  const { exam, bits } = detail(run);
  const right = new Map();
  if (exam == null) return right;
  const bytes = Uint8Array.from(atob(bits), (letter) => letter.charCodeAt(0));
  let bit = 0;
  for (const [name, spans] of Object.entries(all().exams[exam].forms)) {
    for (const [first, count] of spans) {
      for (let i = 0; i < count; i++, bit++) {
        if (name === form) right.set(first + i, Boolean(bytes[bit >> 3] & (128 >> (bit & 7))));
      }
    }
  }
  return right;
}

// The questions of a run, in the exam's order.
const questionsOf = (run) => all().exams[detail(run).exam].groups.flatMap(
  ([task, subject, names]) => names.map((name) => ({ task, subject, name, key: `${task} ${name}` })));

// How many were asked and right, by task and subject, under a form.
function subjectsOf(run, form) {
  const { exam, asked, right } = detail(run);
  const found = new Map();
  if (exam == null) {
    for (const score of scoresOf(run)) {
      if (score.group && score.form === form) found.set(`${score.task} / ${score.group}`, [score.n, score.accuracy * score.n]);
    }
    return found;
  }
  const forms = Object.keys(all().exams[exam].forms);
  const at = forms.indexOf(form);
  if (at < 0) return found;
  all().exams[exam].groups.forEach(([task, subject], i) => {
    const n = all().counts[asked][form][i];
    if (n) found.set(`${task} / ${subject}`, [n, right[at][i]]);
  });
  return found;
}

const formsOf = (run) => [...new Set(scoresOf(run).map((score) => score.form))];
