// The field for any command and the forms to add something: what they say comes from the engine's side.

const $ = (id) => document.getElementById(id);

// What had the focus before they were opened, what is open, which turn the field is in, and which of the proposals is chosen.
let back = null, open = "", turn = 0, chosen = -1;

function choose(index) {
  const options = [...$("command-list").children];
  chosen = options.length === 0 ? -1 : (index + options.length) % options.length;
  options.forEach((option, at) => option.setAttribute("aria-selected", at === chosen));
  options[chosen]?.scrollIntoView({ block: "nearest" });
  $("command").setAttribute("aria-activedescendant", options[chosen]?.id ?? "");
}

function propose(make, lines) {
  const list = $("command-list");
  list.hidden = lines.length === 0;
  $("command").setAttribute("aria-expanded", lines.length > 0);
  list.replaceChildren(...lines.map(([line, words], at) =>
    make("li", { id: `command-${at}`, role: "option", "data-line": line, "aria-selected": "false" }, make("b", {}, line), make("span", {}, words))));
  chosen = -1;
  $("command").setAttribute("aria-activedescendant", "");
}

// A form's fields are made anew only when they are others: who writes in one keeps it.
function fillForm(make, fields) {
  const box = $("add-fields");
  const shape = JSON.stringify(fields.map(({ name, label, options }) => [name, label, options]));
  if (box.dataset.shape !== shape) {
    box.dataset.shape = shape;
    const held = document.activeElement?.dataset?.field;
    box.replaceChildren(...fields.map(({ name, label, options, number }) => {
      const field = { id: `add-${name}`, "data-field": name };
      const input = options.length > 0
        ? make("select", field, ...options.map(([value, words]) => make("option", { value }, words)))
        : make("input", { ...field, autocomplete: "off", spellcheck: "false", autocapitalize: "off", inputmode: number && "numeric" });
      return make("label", {}, make("span", {}, label), input);
    }));
    if (held) $(`add-${held}`)?.focus();
  }
  for (const { name, value } of fields) {
    const input = $(`add-${name}`);
    if (input.value !== value && (input !== document.activeElement || input.matches("select"))) input.value = value;
  }
}

export const addingOf = (make) => (part) => {
  const was = open;
  open = part.open;
  $("adding").hidden = !open;
  $("adding-open").setAttribute("aria-expanded", open !== "");
  if (!open) {
    if (was && ($("adding").contains(document.activeElement) || document.activeElement === document.body)) {
      (back?.isConnected && back !== document.body ? back : $("adding-open")).focus();
    }
    return;
  }
  if (part.turn !== turn) $("command").value = part.text;
  turn = part.turn;
  $("command-hint").textContent = part.hint;
  $("command-hint").classList.toggle("bad", !part.good);
  propose(make, part.options);
  $("add-kinds").replaceChildren(...part.kinds.map(([name, title, current]) =>
    make("button", { id: `kind-${name}`, class: "way", "data-act": "change", "data-value": `kind ${name}`, "aria-pressed": current }, title)));
  fillForm(make, part.fields);
  $("add-will").textContent = part.will;
  $("add-will").classList.toggle("bad", !part.possible);
  if (!was) back = document.activeElement;
  if (was !== open) (open === "command" ? $("command") : $("add-kinds").querySelector('[aria-pressed="true"]'))?.focus();
};

export function listenAdding(act) {
  const field = $("command");
  const take = (line) => {
    field.value = line;
    act("change", `typed ${line}`);
    field.focus();
  };
  field.addEventListener("input", () => act("change", `typed ${field.value}`));
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const options = $("command-list").children;
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (way && options.length > 0) choose(chosen < 0 && way < 0 ? -1 : chosen + way);
    else if (event.key === "Enter" && chosen >= 0) take(options[chosen].dataset.line);
    else if (event.key === "Enter") act("change", "tell");
    else if (event.key === "Tab" && !event.shiftKey && options.length > 0 && field.value) take(options[Math.max(chosen, 0)].dataset.line);
    else return;
    event.preventDefault();
  });
  $("command-list").addEventListener("click", (event) => {
    const option = event.target.closest("[data-line]");
    if (option) take(option.dataset.line);
  });
  $("add-fields").addEventListener("input", ({ target }) => act("change", `fill ${target.dataset.field} ${target.value}`));
  $("add-fields").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    act("change", "add-it");
    event.preventDefault();
  });
  // A pressed form is made anew: the focus stays with its name.
  $("add-kinds").addEventListener("click", ({ target }) => {
    if (target.id) requestAnimationFrame(() => requestAnimationFrame(() => $(target.id)?.focus()));
  });
  $("adding").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    act("change", "close");
    event.stopPropagation();
  });
  $("adding-open").addEventListener("click", () => act("change", open ? "close" : "add"));
}
