// two pictures against each other: B is a cell, A the photo (null) or another cell
const dialog = $("#viewer"), compare = $(".compare"), slide = $(".slide"), help = $("#help");
const shown = data.cells.map((cell, index) => index).filter((index) => data.cells[index].src);
const held = () => buttons.find((button) => button.querySelector(".held"));
let current = null, against = null, zoom = 1, x = 0, y = 0;
compare.classList.add("over");
compare.classList.toggle("wide", data.size[0] >= data.size[1]);
const nameOf = (index) => index === null ? "photo" : `cell ${data.cells[index].n}: ${data.cells[index].pareto ? "★ " : ""}${data.cells[index].label}`;
$("#a").append(make("option", { value: "" }, "the photo"));
for (const id of ["#a", "#b"]) $(id).append(...shown.map((index) => make("option", { value: index }, nameOf(index))));

function open(index, beside = null) {
  if (!data.cells[index] || !data.cells[index].src) return;
  current = index;
  against = beside === index || (beside !== null && !data.cells[beside].src) ? null : beside;
  draw();
  if (!dialog.open) { whole(); dialog.showModal(); (slide.hidden ? $("#beside") : slide).focus(); }
}
function draw() {
  const cell = data.cells[current], other = against === null ? null : data.cells[against];
  $("#cell-title").textContent = other ? `Cell ${other.n} and cell ${cell.n}` : `${cell.pareto ? "★ " : ""}${cell.label}`;
  $("#a").value = other ? against : "";
  $("#b").value = current;
  fill(".before", other ? other.src : data.photo.src, `A · ${nameOf(against)}`);
  fill(".after", cell.src, `B · ${nameOf(current)}`);
  $("#of-a").replaceChildren(...(other ? told(against, null) : []));
  $("#of-b").replaceChildren(...told(current, other));
  $("#status").textContent = "";
  $("#previous").disabled = next(-1) === undefined;
  $("#next").disabled = next(1) === undefined;
  history.replaceState(null, "", other ? `#cells-${other.n}-${cell.n}` : `#cell-${cell.n}`);
}
function fill(pane, src, text) {
  $(`${pane} img`).src = src;
  $(`${pane} img`).alt = $(`${pane} span`).textContent = text;
}
// what is known of a cell, and the command that makes it; numbers of the photo or of the other cell in brackets
function told(index, other) {
  const cell = data.cells[index], which = against === null ? "" : index === current ? "B" : "A";
  const beside = (key) => other ? ` (A ${number(other.scores[key], digits[key])})` : against === null && data.photoScores[key] !== undefined &&
    (key === "clip" || key === "aesthetic") ? ` (photo ${number(data.photoScores[key], digits[key])})` : "";
  const facts = Object.entries(cell.scores).map(([key, value]) => make("div", { title: data.meaning[key] || "" },
    make("dt", {}, names[key] || key), make("dd", {}, number(value, digits[key]) + beside(key))));
  facts.push(make("div", {}, make("dt", {}, "time"), make("dd", {}, `${number(cell.seconds, 1)} s`)));
  const losses = Object.entries(cell.losses).map(([name, value]) => `${name} ${Number(value).toPrecision(3)}`);
  const copy = make("button", { class: "copy-command", "aria-label": `Copy the command of cell ${cell.n}` }, "Copy command");
  copy.addEventListener("click", () => copyCommand(cell, copy));
  return [...(which ? [make("strong", {}, `${which} · ${nameOf(index)}`)] : []), make("dl", { class: "facts" }, ...facts),
    make("p", { class: "quiet" }, losses.length ? `Final losses: ${losses.join(", ")}` : "No losses guided this one.", " · ",
      make("a", { href: path(cell.file) }, "Open the whole picture")),
    make("div", { class: "copy" }, make("code", { class: "command" }, cell.command), copy)];
}
const next = (by) => {
  let at = shown.indexOf(current) + by;
  if (shown[at] === against && against !== null) at += by;
  return shown[at];
};
function step(by) {
  const to = next(by);
  if (to !== undefined) { current = to; draw(); }
}
function hold() {
  if (against !== null) against = null;
  else {
    const to = next(1) ?? next(-1);
    if (to === undefined) return;
    [against, current] = [current, to];
  }
  draw();
}
function exchange() {
  if (against === null) return;
  [against, current] = [current, against];
  draw();
}
function layout(beside) {
  compare.classList.toggle("over", !beside);
  $("#beside").setAttribute("aria-pressed", beside);
  $("#slider").setAttribute("aria-pressed", !beside);
  slide.hidden = beside;
}
function divide(share) {
  slide.value = Math.round(100 * Math.min(1, Math.max(0, share)));
  compare.style.setProperty("--at", `${slide.value}%`);
}

// zoom and place are shares of a pane, so that they are the same for both
const MOST = 12;
function place() {
  x = Math.min(0, Math.max(1 - zoom, x));
  y = Math.min(0, Math.max(1 - zoom, y));
  for (const [name, value] of [["--zoom", zoom], ["--x", x], ["--y", y]]) compare.style.setProperty(name, value);
  compare.classList.toggle("zoomed", zoom > 1);
  compare.classList.toggle("close", zoom >= 4);
  $("#whole").textContent = `${zoom < 10 ? Number(zoom.toFixed(1)) : Math.round(zoom)}×`;
}
function scale(by, at = [0.5, 0.5]) {
  const to = Math.min(MOST, Math.max(1, zoom * by));
  x = at[0] - (at[0] - x) * to / zoom;
  y = at[1] - (at[1] - y) * to / zoom;
  zoom = to;
  place();
}
function whole() { zoom = 1; x = y = 0; place(); }
function move(dx, dy) { x += dx; y += dy; place(); }
const paneAt = (point) => {
  const boxes = [...document.querySelectorAll(".pane")].map((pane) => pane.getBoundingClientRect());
  return boxes.find((box) => point.clientX <= box.right + 3 && point.clientY <= box.bottom + 3) || boxes[1];
};
const share = (point, box = paneAt(point)) => [(point.clientX - box.left) / box.width, (point.clientY - box.top) / box.height];

compare.addEventListener("wheel", (event) => {
  event.preventDefault();
  scale(Math.exp(-Math.max(-60, Math.min(60, event.deltaY * (event.deltaMode ? 20 : 1))) / (event.ctrlKey ? 60 : 240)), share(event));
}, { passive: false });
compare.addEventListener("dblclick", (event) => { if (zoom > 1) whole(); else scale(3, share(event)); });
const fingers = new Map();
let dividing = false;
compare.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  fingers.set(event.pointerId, event);
  try { compare.setPointerCapture(event.pointerId); } catch { /* the pointer is gone already */ }
  if (!slide.hidden) slide.focus({ preventScroll: true });
  const box = compare.getBoundingClientRect(), away = Math.abs(event.clientX - box.left - box.width * slide.value / 100);
  dividing = fingers.size === 1 && !slide.hidden && (zoom === 1 || away < 24);
});
compare.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const box = paneAt(event), other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
  if (other) {
    const spread = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1;
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    scale(spread(event, other) / spread(before, other), share(middle));
    move((event.clientX - before.clientX) / 2 / box.width, (event.clientY - before.clientY) / 2 / box.height);
  } else if (dividing) {
    const all = compare.getBoundingClientRect();
    divide((event.clientX - all.left) / all.width);
  } else move((event.clientX - before.clientX) / box.width, (event.clientY - before.clientY) / box.height);
  fingers.set(event.pointerId, event);
});
for (const name of ["pointerup", "pointercancel"]) compare.addEventListener(name, (event) => {
  const before = fingers.get(event.pointerId);
  if (name === "pointerup" && before && fingers.size === 1 && dividing) {
    const all = compare.getBoundingClientRect();
    divide((event.clientX - all.left) / all.width);
  }
  fingers.delete(event.pointerId);
  dividing = false;
});

// buttons and keys
slide.addEventListener("input", () => divide(slide.value / 100));
$("#a").addEventListener("change", (event) => { against = event.target.value === "" ? null : Number(event.target.value); if (against === current) against = null; draw(); });
$("#b").addEventListener("change", (event) => { current = Number(event.target.value); if (against === current) against = null; draw(); });
const actions = { "#previous": () => step(-1), "#next": () => step(1), "#close": () => dialog.close(), "#slider": () => layout(false),
  "#beside": () => layout(true), "#in": () => scale(1.5), "#out": () => scale(1 / 1.5), "#whole": whole, "#help-close": () => help.close() };
for (const [id, act] of Object.entries(actions)) $(id).addEventListener("click", act);
document.querySelectorAll("button.help").forEach((button) => button.addEventListener("click", () => help.showModal()));
for (const each of [dialog, help]) each.addEventListener("click", (event) => { if (event.target === each) each.close(); });
const keyed = { n: () => step(1), p: () => step(-1), c: hold, x: exchange, s: () => layout(!slide.hidden), "+": () => scale(1.5),
  "=": () => scale(1.5), "-": () => scale(1 / 1.5), 0: whole };
const pans = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "?") {
    event.preventDefault();
    if (help.open) help.close(); else help.showModal();
  } else if (help.open) return;
  else if (dialog.open) {
    const typing = document.activeElement.tagName === "SELECT";
    if (event.shiftKey && pans[event.key] && !typing) { event.preventDefault(); move(...pans[event.key]); }
    else if (keyed[event.key] && !typing) { event.preventDefault(); keyed[event.key](); }
  } else if (event.key === "c") holdInGrid(buttons.indexOf(document.activeElement));
}, true);
// "c" in the grid: the first cell is held as A, the second is compared with it
function holdInGrid(at) {
  const index = data.grids.flatMap((grid) => grid.cells)[at];
  if (index === undefined || !data.cells[index].src) return;
  const first = held();
  if (first) first.querySelector(".held").remove();
  if (first && first !== buttons[at]) {
    $("#held").textContent = "";
    layout(true);
    open(index, data.grids.flatMap((grid) => grid.cells)[buttons.indexOf(first)]);
  } else if (!first) {
    buttons[at].append(make("span", { class: "held" }, "A"));
    $("#held").textContent = `Cell ${data.cells[index].n} is A: press c on the cell to compare it with.`;
  } else $("#held").textContent = "";
}
dialog.addEventListener("close", () => {
  if (current !== null) buttonOf(current).focus();
  history.replaceState(null, "", "#");
});

function byAddress() {
  const one = /^#cell-(\d+)$/.exec(location.hash), two = /^#cells-(\d+)-(\d+)$/.exec(location.hash);
  if (one) open(Number(one[1]) - 1);
  if (two) { layout(true); open(Number(two[2]) - 1, data.cells[Number(two[1]) - 1] ? Number(two[1]) - 1 : null); }
}
addEventListener("hashchange", byAddress);
byAddress();
