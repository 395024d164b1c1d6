"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (selector) => document.querySelector(selector);
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const path = (file) => file.split("/").map(encodeURIComponent).join("/");
document.title = `Pictures: ${data.title}`;
$("#title").textContent = data.title;
const failed = data.failed ? `, ${data.failed} failed` : "";
const left = data.left ? ` · the first ${data.cells.length} are shown` : "";
$("#facts").textContent = `${data.done} pictures${failed} · ${data.folder}${left}`;
$("#files").append("Beside this page: ", make("a", { href: "manifest.jsonl" }, "manifest.jsonl"), ` · diffstyler ${data.version}`);

// the sheet
const cells = data.cells.map((cell, index) => {
  const label = `${cell.name}: ${cell.error || cell.prompts.join(" + ")}`;
  const button = make("button", { class: "cell", type: "button", "aria-label": label, title: label });
  if (cell.src) {
    button.append(make("img", { src: cell.src, alt: "", loading: "lazy" }));
    button.addEventListener("click", () => open(index));
  } else {
    button.append(make("span", { class: "empty" }, cell.error));
    button.setAttribute("aria-disabled", "true");
  }
  button.append(make("span", { class: "name" }, cell.name), make("span", { class: "style" }, cell.prompts.join(" + ")));
  button.tabIndex = index ? -1 : 0;
  button.addEventListener("focus", () => cells.forEach((other) => { other.tabIndex = other === button ? 0 : -1; }));
  button.addEventListener("keydown", (event) => {
    const shown = cells.filter((other) => !other.hidden), at = shown.indexOf(button);
    const columns = getComputedStyle($("#sheet")).gridTemplateColumns.split(" ").length;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: shown.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (shown[to]) shown[to].focus();
  });
  $("#sheet").append(button);
  return button;
});

// which are shown
let which = "all";
function choose() {
  const words = $("#find").value.toLowerCase().split(/\s+/).filter(Boolean);
  cells.forEach((button, index) => {
    const cell = data.cells[index], text = `${cell.name} ${cell.file} ${cell.prompts.join(" ")} ${cell.error || ""}`.toLowerCase();
    button.hidden = !(which === "all" || (which === "failed") === !cell.src) || !words.every((word) => text.includes(word));
  });
  const shown = cells.filter((button) => !button.hidden);
  cells.forEach((button) => { button.tabIndex = button === shown[0] ? 0 : -1; });
  $("#none").textContent = shown.length ? "" : "No picture is so.";
}
$("#find").addEventListener("input", choose);
if (data.failed) for (const name of ["all", "done", "failed"]) {
  const button = make("button", { type: "button", "aria-pressed": name === "all" }, name[0].toUpperCase() + name.slice(1));
  button.addEventListener("click", () => {
    which = name;
    document.querySelectorAll("#which button").forEach((other) => other.setAttribute("aria-pressed", other === button));
    choose();
  });
  $("#which").append(button);
}

// one picture over its photo
const dialog = $("#viewer"), compare = $(".compare"), slide = $(".slide");
let current = null;
const next = (by) => {
  for (let at = current + by; at >= 0 && at < cells.length; at += by) if (data.cells[at].src && !cells[at].hidden) return at;
  return undefined;
};
function open(index) {
  if (!data.cells[index] || !data.cells[index].src) return;
  current = index;
  draw();
  if (!dialog.open) dialog.showModal();
  (slide.hidden ? $("#close") : slide).focus();
}
function draw() {
  const cell = data.cells[current];
  $("#cell-title").textContent = `${cell.name}: ${cell.prompts.join(" + ")}`;
  document.documentElement.style.setProperty("--shape", `${cell.size[0]} / ${cell.size[1]}`);
  document.documentElement.style.setProperty("--ratio", cell.size[0] / cell.size[1]);
  $(".before").hidden = slide.hidden = $(".divider").hidden = !cell.photo;
  $(".before img").src = cell.photo || "";
  $(".after img").src = cell.src;
  move(cell.photo ? 50 : 0);
  const facts = [["size", cell.size.join(" × ")], ["seed", cell.seed], ["time", cell.seconds == null ? null : `${Number(cell.seconds).toFixed(1)} s`]]
    .filter(([, value]) => value != null).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value))));
  const copy = make("button", { type: "button" }, "Copy command");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(cell.command);
      $("#status").textContent = "The command is copied.";
    } catch {  // a page that was opened from a file, in some browsers
      getSelection().selectAllChildren($(".command"));
      $("#status").textContent = "The command is selected: copy it.";
    }
  });
  $("#status").textContent = "";
  $("#told").replaceChildren(make("dl", { class: "facts" }, ...facts),
    make("p", { class: "quiet" }, ...(cell.notes.length ? [`${cell.notes.join("; ")} · `] : []), make("a", { href: path(cell.file) }, "Open the whole picture")),
    ...(cell.command ? [make("div", { class: "copy" }, make("code", { class: "command" }, cell.command), copy)] : []));
  $("#previous").disabled = next(-1) === undefined;
  $("#next").disabled = next(1) === undefined;
}
function move(at) {
  slide.value = at;
  compare.style.setProperty("--at", `${at}%`);
}
function step(by) {
  const to = next(by);
  if (to !== undefined) { current = to; draw(); }
}
slide.addEventListener("input", () => move(slide.value));
const drag = (event) => {
  if (!event.buttons || slide.hidden) return;
  const box = compare.getBoundingClientRect();
  move(Math.max(0, Math.min(100, (event.clientX - box.left) / box.width * 100)));
};
compare.addEventListener("pointerdown", drag);
compare.addEventListener("pointermove", drag);
$("#previous").addEventListener("click", () => step(-1));
$("#next").addEventListener("click", () => step(1));
$("#close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => cells[current].focus());
dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "n") step(1);
  else if (event.key === "p") step(-1);
});
