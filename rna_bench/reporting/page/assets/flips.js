// Questions that are right in one run and wrong in another.
const SOME = 20;

// Places of each question in both runs, and whether each was right there.
function matched(one, other, form) {
  const [rights, others] = [rightOf(one, form), rightOf(other, form)];
  if (!rights.size || !others.size) return [];
  const places = new Map(questionsOf(other).map(({ key }, place) => [key, place]));
  return questionsOf(one).map((question, place) => ({ ...question, place, right: rights.get(place), then: others.get(places.get(question.key)) }))
    .filter(({ right, then }) => right !== undefined && then !== undefined);
}

// The text of a question in a form, with what the form put in marked; null where the page has none.
function textOf(run, place, form) {
  const set = detail(run).texts;
  const found = set == null ? null : all().texts[set]?.[place];
  if (!found || (form !== "clean" && !found[2][form])) return null;
  const [clean, answer, changes] = found;
  const [start, gone, put] = changes[form] ?? [0, 0, ""];
  const lines = (clean.slice(0, start) + put + clean.slice(start + gone)).split("\n");
  let at = 0;
  const parts = lines.map((line) => {
    const [from, to] = [Math.max(start - at, 0), Math.min(start + put.length - at, line.length)];
    at += line.length + 1;
    return to > from && from < line.length ? [line.slice(0, from), make("mark", {}, line.slice(from, to)), line.slice(to)] : [line];
  });
  return { stem: parts.slice(0, -4), choices: parts.slice(-4), answer };
}

function card(run, question, form) {
  const name = make("p", { class: "mono" }, `${question.task}: ${question.name}`);
  const text = textOf(run, question.place, form);
  if (!text) return make("div", { class: "question" }, name);
  const option = (parts, i) => make("li", {}, i === text.answer ? make("strong", {}, parts, make("span", { class: "more" }, " ✓ right answer")) : parts);
  return make("div", { class: "question" }, name, text.stem.map((parts) => make("p", {}, parts)), make("ol", { type: "A" }, text.choices.map(option)));
}

function why(one, other, form) {
  const [first, second] = [detail(one).texts, detail(other).texts];
  if (first == null || !all().texts[first]) return "The names of questions alone: texts are shown of the fictional world only, for the first worlds and seeds of a page.";
  if (first !== second) return `The two runs phrased the questions differently (seeds ${one.seed} and ${other.seed}); the text is that of ${one.id}.`;
  return form === "clean" ? "" : "What the form put in is marked.";
}

function flipList(title, found, run, form) {
  const list = make("div", {}, found.slice(0, SOME).map((question) => card(run, question, form)));
  const rest = found.slice(SOME);
  const more = rest.length ? make("button", {
    type: "button", onclick: (event) => { list.append(...rest.map((question) => card(run, question, form))); event.target.remove(); },
  }, `Show ${rest.length} more`) : null;
  return make("details", {}, make("summary", {}, `${title}: ${found.length}`), list, more);
}

function flipsOf(one, other, form) {
  const found = matched(one, other, form);
  const title = make("h3", {}, `${other.id} (${nameOf(other)})`);
  if (!found.length) return [title, make("p", {}, "These two runs were asked no question in common in this form, or one has no file of answers.")];
  const lost = found.filter(({ right, then }) => right && !then);
  const won = found.filter(({ right, then }) => !right && then);
  const both = found.filter(({ right, then }) => right && then).length;
  const sampled = all().every > 1 ? ` Of the runs' questions, one in ${all().every} is in this page.` : "";
  return [title,
    make("p", {}, `Of ${found.length} questions: ${both} right in both, ${found.length - both - lost.length - won.length} wrong in both.${sampled} ${why(one, other, form)}`),
    flipList("Right in the first, wrong here", lost, one, form), flipList("Wrong in the first, right here", won, one, form)];
}
