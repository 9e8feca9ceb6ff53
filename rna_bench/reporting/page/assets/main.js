document.querySelector(".scripted").hidden = false;
setUpTable();
setUpPlot();
showChosen();
showPoints(runs);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says what is shown, and skipping must not change it
  $("content").focus();
});
addEventListener("hashchange", route);
route();
