"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (selector) => document.querySelector(selector);
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const svg = (tag, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
};
const number = (value, digits = 3) => value == null ? "–" : Number(value).toFixed(digits);
const names = { clip: "CLIP score", content: "content score", ssim: "SSIM", aesthetic: "aesthetic rating" };
const digits = { clip: 2, content: 3, ssim: 3, aesthetic: 2 };
const path = (file) => file.split("/").map(encodeURIComponent).join("/");
const columns = data.axes[0] ? data.axes[0].labels : [""], rows = data.axes[1] ? data.axes[1].labels : [""];
const label = (axis, text) => !axis ? "" : axis.flag === "--prompt" ? text : `${axis.title} = ${text}`;
document.title = `Sweep: ${data.title}`;
document.documentElement.style.setProperty("--shape", `${data.size[0]} / ${data.size[1]}`);
document.documentElement.style.setProperty("--ratio", data.size[0] / data.size[1]);
document.documentElement.style.setProperty("--columns", columns.length);
$("#title").textContent = data.title;
const done = data.cells.filter((cell) => cell.src).length;
$("#facts").textContent = `${done} of ${data.cells.length} pictures of ${data.photo.name}, ${data.size.join(" × ")} pixels · ${data.models}`;

// the grids
const header = (scope, text) => make("th", { scope, title: text }, make("span", {}, text));
const buttons = [];
data.grids.forEach((grid) => {
  const section = make("section");
  if (grid.heading) section.append(make("h2", {}, grid.heading));
  const head = make("tr", {}, make("th", { class: "corner" }, make("img", { src: data.photo.src, alt: "the photo" })));
  columns.forEach((text) => head.append(header("col", label(data.axes[0], text))));
  const body = make("tbody");
  rows.forEach((text, row) => {
    const line = make("tr", {}, header("row", label(data.axes[1], text)));
    columns.forEach((_, column) => {
      const cell = data.cells[grid.cells[row * columns.length + column]];
      const button = make("button", { class: "cell", type: "button", "aria-label": `Cell ${cell.n}: ${cell.label}` });
      if (cell.src) {
        button.append(make("img", { src: cell.src, alt: "", loading: "lazy" }));
        if (cell.pareto) button.append(make("span", { class: "star", title: "on the front" }, "★"));
        button.addEventListener("click", () => open(cell.n - 1));
      } else {
        button.classList.add("empty");
        button.setAttribute("aria-disabled", "true");
        button.setAttribute("aria-label", `Cell ${cell.n}: ${cell.label}: ${cell.error}`);
        button.append(cell.error);
      }
      button.tabIndex = buttons.length ? -1 : 0;
      const index = buttons.push(button) - 1;
      button.addEventListener("focus", () => buttons.forEach((b) => { b.tabIndex = b === button ? 0 : -1; }));
      button.addEventListener("keydown", (event) => {
        const to = { ArrowRight: index + 1, ArrowLeft: index - 1, ArrowDown: index + columns.length,
          ArrowUp: index - columns.length, Home: index - index % columns.length,
          End: index - index % columns.length + columns.length - 1 }[event.key];
        if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        if (buttons[to]) buttons[to].focus();
      });
      line.append(make("td", {}, button));
    });
    body.append(line);
  });
  section.append(make("div", { class: "scroll" }, make("table", { class: "grid" }, make("thead", {}, head), body)));
  section.append(make("p", { class: "quiet" }, grid.caption));
  $("#grids").append(section);
});

// the scatter: CLIP score across, content score up
const scored = data.cells.filter((cell) => cell.src && cell.scores.clip !== undefined);
if (scored.length < 2) $("#scatter").remove(); else scatter();
function scatter() {
  const plot = $(".plot svg"), peek = $(".peek"), box = { left: 62, right: 620, top: 36, bottom: 328 };
  const span = (key) => {
    const values = scored.map((cell) => cell.scores[key]), low = Math.min(...values), high = Math.max(...values);
    const pad = (high - low || 0.1) * 0.08;
    return [low - pad, high + pad];
  };
  const [x0, x1] = span("clip"), [y0, y1] = span("content");
  const x = (value) => box.left + (value - x0) / (x1 - x0) * (box.right - box.left);
  const y = (value) => box.bottom - (value - y0) / (y1 - y0) * (box.bottom - box.top);
  const ticks = (low, high) => {
    const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * unit).find((s) => s >= 0.7 * rough);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k += 1) found.push([k * step, Math.max(0, -Math.floor(Math.log10(step)))]);
    return found;
  };
  for (const [value, places] of ticks(x0, x1)) plot.append(
    svg("line", { class: "axis", x1: x(value), x2: x(value), y1: box.top, y2: box.bottom }),
    svg("text", { x: x(value), y: box.bottom + 26, "text-anchor": "middle" }, value.toFixed(places)));
  for (const [value, places] of ticks(y0, y1)) plot.append(
    svg("line", { class: "axis", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
    svg("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(places)));
  plot.append(svg("text", { x: (box.left + box.right) / 2, y: 392, "text-anchor": "middle" }, "CLIP score: how well it matches the prompt →"),
    svg("text", { x: box.left, y: 20 }, "↑ content score: how much of the photo it keeps"));
  const fronts = new Map();
  scored.filter((cell) => cell.pareto).forEach((cell) => {
    const key = cell.prompts.join("\n");
    fronts.set(key, [...(fronts.get(key) || []), cell]);
  });
  for (const front of fronts.values()) {
    front.sort((a, b) => a.scores.clip - b.scores.clip);
    plot.append(svg("polyline", { class: "front", points: front.map((c) => `${x(c.scores.clip)},${y(c.scores.content)}`).join(" ") }));
  }
  scored.forEach((cell) => {
    const dot = svg("circle", { class: cell.pareto ? "dot best" : "dot", cx: x(cell.scores.clip), cy: y(cell.scores.content),
      r: 7, tabindex: 0, role: "button",
      "aria-label": `Cell ${cell.n}: ${cell.label}; CLIP score ${number(cell.scores.clip, 2)}, content ${number(cell.scores.content)}` });
    const show = () => {
      mark(cell.n - 1);
      peek.replaceChildren(make("img", { src: cell.src, alt: "" }), make("p", {}, `${cell.pareto ? "★ " : ""}${cell.label}`),
        make("p", {}, `CLIP ${number(cell.scores.clip, 2)} · content ${number(cell.scores.content)}`));
    };
    dot.addEventListener("mouseenter", show);
    dot.addEventListener("focus", show);
    dot.addEventListener("mouseleave", () => mark(null));
    dot.addEventListener("blur", () => mark(null));
    dot.addEventListener("click", () => open(cell.n - 1));
    dot.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(cell.n - 1); }
    });
    plot.append(dot);
  });
}
function buttonOf(index) {
  return buttons[data.grids.flatMap((grid) => grid.cells).indexOf(index)];
}
function mark(index) {
  buttons.forEach((button) => button.classList.remove("marked"));
  if (index !== null) buttonOf(index).classList.add("marked");
}

async function copyCommand(cell, button) {
  try {
    await navigator.clipboard.writeText(cell.command);
  } catch {  // an older browser, or a page that was opened from a file
    const text = make("textarea", {});
    text.value = cell.command;
    button.after(text);
    text.select();
    document.execCommand("copy");
    text.remove();
    button.focus();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  $("#status").textContent = `The command of cell ${cell.n} is copied.`;
  setTimeout(() => { button.textContent = before; }, 1500);
}

// all numbers
const keys = Object.keys(data.meaning), losses = [...new Set(data.cells.flatMap((cell) => Object.keys(cell.losses)))];
const table = make("table", { class: "numbers" }, make("thead", {}, make("tr", {}, ...["cell", "settings",
  ...keys.map((key) => names[key] || key), ...losses.map((name) => `${name} loss`), "seconds", "command"].map((text) => make("th", { scope: "col" }, text)))));
function copyButton(cell) {
  const button = make("button", { type: "button", "aria-label": `Copy the command of cell ${cell.n}` }, "Copy");
  button.addEventListener("click", () => copyCommand(cell, button));
  return button;
}
const lines = data.cells.map((cell) => make("tr", {}, ...[cell.n, `${cell.pareto ? "★ " : ""}${cell.label}${cell.error ? ` (${cell.error})` : ""}`,
  ...keys.map((key) => number(cell.scores[key], digits[key])), ...losses.map((name) => cell.losses[name] === undefined ? "–" : Number(cell.losses[name]).toPrecision(3)),
  number(cell.seconds, 1)].map((text) => make("td", {}, String(text))), make("td", {}, cell.command ? copyButton(cell) : "")));
table.append(make("tbody", {}, ...lines));
$("#numbers").append(table);
Object.values(data.meaning).forEach((text) => $("#meaning").append(make("p", {}, text)));
const files = [...data.grids.map((grid) => grid.file).filter(Boolean), "manifest.json", "manifest.csv"];
$("#files").append("Beside this page: ", ...files.flatMap((file, k) => [k ? ", " : "", make("a", { href: path(file) }, file)]), ` · diffstyler ${data.version}`);

