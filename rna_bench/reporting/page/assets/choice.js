// Runs chosen to compare; checkboxes, marks of the plot and buttons are updated with them.
const chosen = new Set();
const followers = [];

function choose(run, on) {
  if (on) chosen.add(run.id);
  else chosen.delete(run.id);
  followers.forEach((follow) => follow());
}

function chooseOnly(ids) {
  chosen.clear();
  ids.forEach((id) => chosen.add(id));
  followers.forEach((follow) => follow());
}

function showChosen() {
  $("compare").disabled = chosen.size < 2;
  $("clear").disabled = !chosen.size;
  $("compare").textContent = chosen.size > 1 ? `Compare ${chosen.size} runs` : "Compare";
  $("chosen").textContent = chosen.size > 1 ? "" : chosen.size ? "one chosen; choose another to compare" : "choose two or more to compare";
}

followers.push(showChosen);
$("compare").addEventListener("click", () => { location.hash = `compare=${[...chosen].join(",")}`; });
$("clear").addEventListener("click", () => chooseOnly([]));
