// Questions that are right in one run and wrong in another.
const SOME = 20;

// The questions that both runs were asked, with their places, and whether they are right in each.
function matched(one, other, perturbation) {
  const [rights, others] = [rightOf(one, perturbation), rightOf(other, perturbation)];
  if (!rights.size || !others.size) return [];
  const places = new Map(questionsOf(other).map(({ key }, place) => [key, place]));
  return questionsOf(one).map((question, place) => ({ ...question, place, right: rights.get(place), then: others.get(places.get(question.key)) }))
    .filter(({ right, then }) => right !== undefined && then !== undefined);
}

// The text of a question under a perturbation, with what it inserted marked; null where the page has no text.
function textOf(run, place, perturbation) {
  const set = detail(run).texts;
  const entry = set == null ? null : all().texts[set]?.[place];
  if (!entry || (perturbation !== "clean" && !entry[2][perturbation])) return null;
  const [clean, answer, changes] = entry;
  const [start, removed, inserted] = changes[perturbation] ?? [0, 0, ""];
  const lines = (clean.slice(0, start) + inserted + clean.slice(start + removed)).split("\n");
  let at = 0;
  const parts = lines.map((line) => {
    const [from, to] = [Math.max(start - at, 0), Math.min(start + inserted.length - at, line.length)];
    at += line.length + 1;
    return to > from && from < line.length ? [line.slice(0, from), make("mark", {}, line.slice(from, to)), line.slice(to)] : [line];
  });
  return { stem: parts.slice(0, -4), choices: parts.slice(-4), answer };
}

function card(run, question, perturbation) {
  const name = make("p", { class: "mono" }, `${question.task}: ${question.name}`);
  const text = textOf(run, question.place, perturbation);
  if (!text) return make("div", { class: "question" }, name);
  const option = (parts, i) => make("li", {}, i === text.answer ? make("strong", {}, parts, make("span", { class: "more" }, " ✓ right answer")) : parts);
  return make("div", { class: "question" }, name, text.stem.map((parts) => make("p", {}, parts)), make("ol", { type: "A" }, text.choices.map(option)));
}

function textNote(one, other, perturbation) {
  const [first, second] = [detail(one).texts, detail(other).texts];
  if (first == null || !all().texts[first]) return "Only ids are shown: the page has texts of the fictional world alone, for the first worlds and seeds.";
  if (first !== second) return `The two runs have different phrasings of the questions (seeds ${one.seed} and ${other.seed}); the text is that of ${one.id}.`;
  return perturbation === "clean" ? "" : "What the perturbation inserted is marked.";
}

function flipList(title, questions, run, perturbation) {
  const list = make("div", {}, questions.slice(0, SOME).map((question) => card(run, question, perturbation)));
  const rest = questions.slice(SOME);
  const more = rest.length ? make("button", {
    type: "button", onclick: (event) => { list.append(...rest.map((question) => card(run, question, perturbation))); event.target.remove(); },
  }, `Show ${rest.length} more`) : null;
  return make("details", {}, make("summary", {}, `${title}: ${questions.length}`), list, more);
}

function flipsOf(one, other, perturbation) {
  const questions = matched(one, other, perturbation);
  const title = make("h3", {}, `${other.id} (${nameOf(other)})`);
  if (!questions.length) return [title, make("p", {}, "These two runs have no question in common under this perturbation, or one has no responses.")];
  const worse = questions.filter(({ right, then }) => right && !then);
  const better = questions.filter(({ right, then }) => !right && then);
  const both = questions.filter(({ right, then }) => right && then).length;
  const sampled = all().every > 1 ? ` The page has one in ${all().every} of the runs' questions.` : "";
  return [title,
    make("p", {}, `Of ${questions.length} questions: ${both} right in both, ${questions.length - both - worse.length - better.length} wrong in both.${sampled} ${textNote(one, other, perturbation)}`),
    flipList("Right in the first, wrong here", worse, one, perturbation), flipList("Wrong in the first, right here", better, one, perturbation)];
}
