// The menu of what can be done to a node or a way: its lines come from the engine's side, its place from where that is drawn.

const $ = (id) => document.getElementById(id);

// What had the focus before the menu.
let back = null;

// Beside what it is about, on whichever side there is room; on a narrow page at the bottom.
function place(box, [left, top, width, height]) {
  const room = $("stage-box").getBoundingClientRect();
  box.classList.toggle("bottom", innerWidth <= 620);
  if (innerWidth <= 620) return Object.assign(box.style, { left: "", top: "" });
  const { offsetWidth: w, offsetHeight: h } = box;
  const right = left + width + 10;
  const x = right + w <= room.width ? right : left - w - 10 >= 0 ? left - w - 10 : Math.max(8, (room.width - w) / 2);
  const y = Math.min(Math.max(8, top + height / 2 - h / 3), Math.max(8, room.height - h - 8));
  Object.assign(box.style, { left: `${x}px`, top: `${y}px` });
}

// Fills the menu, and moves the focus in and out of it; `make` makes an element.
export const menuOf = (make) => (part) => {
  const box = $("menu");
  const before = box.hidden ? document.activeElement : null;
  const inside = box.contains(document.activeElement);
  box.hidden = !part.title;
  if (box.hidden) {
    box.replaceChildren();
    if (inside) (back?.isConnected ? back : $("stage-box")).focus();
    back = null;
    return;
  }
  if (before) back = before;
  const item = (act, value, ...children) =>
    make("button", { role: "menuitem", tabindex: -1, "data-act": act, "data-value": value }, ...children);
  const lines = ({ title, lines }) => make("div", { role: "group", "aria-label": title }, make("h3", { "aria-hidden": "true" }, title),
    ...lines.map(([command, name, effect]) => item("do", command, make("b", {}, name), make("span", {}, effect))));
  const ways = part.ways.length === 0 ? [] : [make("div", { role: "group", class: "ways", "aria-label": $("menu-ways").textContent },
    make("h3", { "aria-hidden": "true" }, $("menu-ways").textContent), ...part.ways.map(([value, name]) => item("menu", value, name)))];
  const head = make("header", {}, make("h2", { id: "menu-title" }, part.title), make("span", {}, part.state));
  if (part.back) head.prepend(make("button", { class: "back", "data-act": "menu", "data-value": part.back, "aria-label": $("menu-back").textContent }, "‹"));
  const list = make("div", { role: "menu", "aria-labelledby": "menu-title" }, ...part.groups.map(lines), ...ways);
  box.replaceChildren(head, list);
  place(box, part.area);
  const first = list.querySelector('[role="menuitem"]');
  if (first) first.tabIndex = 0;
  if (before || inside) (first ?? box.querySelector("button"))?.focus({ preventScroll: true });
};

// Whether a key went through the open menu, or out of it.
export function walksMenu(event, close) {
  const menu = event.target.closest("#menu");
  if (!menu) return false;
  if (event.key === "Tab") {
    close();
    return true;
  }
  if (!["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return false;
  const items = [...menu.querySelectorAll('[role="menuitem"]')];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowUp: Math.max(at, 0) - 1, ArrowDown: at + 1, Home: 0, End: items.length - 1 }[event.key];
  const next = items[(to + items.length) % items.length];
  for (const item of items) item.tabIndex = item === next ? 0 : -1;
  next.focus();
  event.preventDefault();
  return true;
}
