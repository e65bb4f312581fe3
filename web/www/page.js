// Carries input to the engine's side and its words to the page. It decides nothing.
//
// `await init()` finds the wasm beside this file, or in the page itself where everything is one file.
import init, * as engine from "./mqlab_web.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;

// Storage may be refused; then nothing is remembered.
const memory = {
  get(key) { try { return localStorage.getItem(`mqlab.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`mqlab.${key}`, value); } catch { /* not remembered */ } },
};

// ---- filling the page ------------------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function icon(tone) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  svg.firstChild.setAttribute("href", `#i-${tone}`);
  return svg;
}

function row(tag, part, attributes) {
  const data = { class: "row", "data-tone": part.tone, "data-when": part.when, "data-at": part.at };
  return make(tag, { ...data, ...attributes }, make("time", {}, part.time), icon(part.tone), make("span", {}, part.text));
}

const fill = {
  words({ tag, texts, theme, theme_name }) {
    root.lang = tag;
    const all = new Map(texts);
    for (const element of document.querySelectorAll("[data-text]")) element.textContent = all.get(element.dataset.text);
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", all.get(element.dataset.label));
      if (element.matches("button, input")) element.title = all.get(element.dataset.label);
    }
    root.dataset.theme = root.dataset.choice = theme_name;
    $("theme").title = theme;
    $("theme").setAttribute("aria-label", theme);
  },
  story(part) {
    $("story-kicker").textContent = part.kicker;
    $("story-title").textContent = $("scenario-title").textContent = part.title;
    document.title = part.title ? `${part.title} · mqlab` : "mqlab";
    const words = (pieces) => pieces.map((piece) => (piece.strong ? make("b", {}, piece.text) : piece.text));
    $("story-text").replaceChildren(...part.paragraphs.map((pieces) => make("p", {}, ...words(pieces))));
    $("story-look").replaceChildren(...part.look.map((text) => make("li", {}, text)));
    $("story-tries").replaceChildren(...part.tries.map((text) => make("li", {}, text)));
    const option = ([name, title, current]) => make("option", { value: name, selected: current && "" }, title);
    $("scenario").replaceChildren(
      ...part.groups.map(({ title, scenarios }) => make("optgroup", { label: title }, ...scenarios.map(option))));
    if (!part.groups.some(({ scenarios }) => scenarios.some(([, , current]) => current))) $("scenario").selectedIndex = -1;
    $("help").parentElement.classList.toggle("empty", !part.query);
    if (part.query && location.protocol !== "file:") history.replaceState(null, "", part.query);
  },
  transport(part) {
    $("play").setAttribute("aria-pressed", part.playing);
    $("play").setAttribute("aria-label", part.play);
    $("play").title = part.play;
    $("now").textContent = part.time;
    $("seed").textContent = $("run-seed").textContent = part.seed;
    $("digest").textContent = part.digest;
    $("pace").value = part.pace;
    const [before, span, after] = part.pace_words;
    $("pace").setAttribute("aria-valuetext", before + span + after);
    $("pace-words").replaceChildren(before, make("b", {}, span), after);
    $("scrub").setAttribute("aria-valuemax", part.end);
    $("scrub").setAttribute("aria-valuenow", part.now);
    $("scrub").setAttribute("aria-valuetext", part.heard);
    $("upkeep").checked = part.upkeep;
  },
  verdict(part) {
    const focused = document.activeElement?.id;
    $("verdict").replaceChildren(...part.counts.map((count) => {
      const inside = [make("b", { id: `verdict-${count.name}` }, count.value), make("span", {}, count.label)];
      const look = { title: count.meaning, class: `${count.harm ? "harm" : ""} ${count.open ? "open" : ""}` };
      if (!count.can_open) return make("div", look, ...inside);
      Object.assign(look, { "aria-expanded": count.open, id: `count-${count.name}` });
      return make("button", { ...look, "data-act": "count", "data-value": count.name }, ...inside);
    }));
    if (focused?.startsWith("count-")) $(focused)?.focus();
    $("verdict-sentence").textContent = part.sentence;
    $("verdict-sentence").classList.toggle("harm", part.counts.some((count) => count.harm));
    $("figures").hidden = part.figures.length === 0;
    $("figures").replaceChildren(...part.figures.map(({ name, label, words }) =>
      make("div", { id: `figures-${name}` }, make("dt", {}, label), make("dd", {}, words))));
    $("verdict-named").hidden = part.named.length === 0;
    $("verdict-named").replaceChildren(
      ...part.named.map(([id, label]) =>
        make("button", { "data-act": "message", "data-value": id, "aria-pressed": id === part.chosen }, label)),
      ...(part.more ? [make("span", {}, part.more)] : []));
  },
  life(part) {
    const [label, color, edge] = part.mark;
    $("life-mark").hidden = !part.chosen;
    $("life-hint").hidden = part.chosen;
    $("life-title").textContent = part.title;
    $("life-mark").textContent = label;
    Object.assign($("life-mark").style, { backgroundColor: color, borderColor: edge });
    $("life").replaceChildren(...part.rows.map((line) =>
      make("li", { class: line.outside && "outside" }, row("button", line, { "data-act": "seek", "data-value": line.at }),
        ...(line.why ? [make("button", { class: "why", "data-act": "seek", "data-value": line.why[0] }, line.why[1])] : []))));
  },
  events({ rows, current }) {
    const list = $("events");
    const wanted = new Set(rows.map((part) => part.id));
    const before = new Map();
    for (const element of [...list.children]) {
      const id = Number(element.dataset.event);
      if (wanted.has(id)) before.set(id, element);
      else element.remove();
    }
    // What stays where it is, is left alone: the list grows at its end while the run plays.
    let next = list.firstChild;
    for (const part of rows) {
      const old = before.get(part.id);
      const same = old && old.dataset.at === String(part.at) && old.lastChild.textContent === part.text;
      const selected = String(part.id === current);
      const element = same ? old : row("div", part, {
        id: `event-${part.id}`, role: "option", "data-event": part.id, "data-act": "seek", "data-value": part.at,
      });
      if (element.dataset.when !== part.when) element.dataset.when = part.when;
      if (element.getAttribute("aria-selected") !== selected) element.setAttribute("aria-selected", selected);
      if (element === next) next = next.nextSibling;
      else list.insertBefore(element, next);
      if (old && !same) {
        if (next === old) next = next.nextSibling;
        old.remove();
      }
    }
    const here = list.querySelector('[aria-selected="true"]');
    list.setAttribute("aria-activedescendant", here ? here.id : "");
    if (here) list.scrollTop = here.offsetTop - list.clientHeight * 0.6;
    else list.scrollTop = 0;
  },
  nodes(parts) {
    for (const part of parts) {
      const box = $("nodes");
      let button = box.querySelector(`[data-node="${part.id}"]`);
      if (!button) {
        button = make("button", { "data-node": part.id, "data-act": "toggle", "data-value": part.id });
        box.append(button);
      }
      button.title = part.label;
      button.setAttribute("aria-label", part.label);
      button.dataset.up = part.up ? 1 : 0;
      const [left, top, width, height] = part.area.map((pixels) => `${pixels}px`);
      Object.assign(button.style, { left, top, width, height });
    }
    const known = new Set(parts.map((part) => part.id));
    for (const button of [...$("nodes").children]) if (!known.has(button.dataset.node)) button.remove();
  },
  views({ views, label, zooms, pans }) {
    for (const { name, current } of views) $(`view-${name}`).setAttribute("aria-pressed", current);
    $("view-tools").hidden = !zooms;
    $("pan-back").hidden = $("pan-on").hidden = !pans;
    $("stage").setAttribute("aria-label", label);
  },
  charts({ open, heard, fault, rows }) {
    $("drawer").hidden = !open;
    $("charts-open").setAttribute("aria-expanded", open);
    $("charts-heard").textContent = heard;
    $("fault").textContent = fault;
    $("changes").hidden = rows.length === 0;
    $("changes-rows").replaceChildren(...rows.map(({ label, was, is }) =>
      make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, was), make("td", {}, is))));
  },
  branches(parts) {
    $("branches").hidden = parts.length === 0;
    $("branches").replaceChildren(...parts.map((part) =>
      make("button", { "data-act": "branch", "data-value": part.id, "aria-current": part.current }, part.label)));
  },
  notice(words) {
    $("notice").hidden = !words;
    $("notice").textContent = words;
  },
  say(words) { $("live").textContent = words; },
};

// ---- the loop --------------------------------------------------------------------------------------------------

function fail(error) {
  $("notice").hidden = false;
  $("notice").textContent ||= String(error);
}

function run(lab) {
  const tick = (now) => {
    try {
      lab.frame(now);
      const panel = lab.panel(now);
      if (panel) for (const [part, value] of Object.entries(panel)) fill[part](value);
    } catch (error) {
      fail(error);
      return;
    }
    root.dataset.ready = "1";
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

// ---- input -----------------------------------------------------------------------------------------------------

function listen(lab) {
  const act = (name, value = "") => lab.act(name, String(value));
  const remember = () => { memory.set("lang", lab.lang()); memory.set("theme", lab.theme()); };

  document.addEventListener("click", (event) => {
    const control = event.target.closest("[data-act]");
    if (!control) return;
    act(control.dataset.act, control.dataset.value);
    remember();
  });
  $("lang").addEventListener("click", () => { lab.key("l"); remember(); });
  // Chosen with the pointer, the list lets go of the keys: the next Space plays. Walked by keyboard, it keeps them.
  let pointed = false;
  $("scenario").addEventListener("pointerdown", () => { pointed = true; });
  $("scenario").addEventListener("keydown", () => { pointed = false; });
  $("scenario").addEventListener("change", () => {
    act("scenario", $("scenario").value);
    if (pointed) $("scenario").blur();
  });
  $("pace").addEventListener("input", () => act("pace", $("pace").value));
  $("upkeep").addEventListener("change", () => act("upkeep"));

  const help = (open) => {
    $("help").hidden = !open;
    $("help-open").setAttribute("aria-expanded", open);
    $(open ? "help-close" : "help-open").focus();
  };
  $("help-open").addEventListener("click", () => help($("help").hidden));
  $("help-close").addEventListener("click", () => help(false));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { key, target } = event;
    if (key === "?") return help($("help").hidden);
    if (key === "Escape" && !$("help").hidden) return help(false);
    if (target.matches("input, select") && !["Escape", "l", "k", "r", "?"].includes(key)) return;
    if (target.matches("select")) return;
    if (target.matches("button") && [" ", "Enter"].includes(key)) return;
    const walk = { ArrowUp: "ArrowLeft", ArrowDown: "ArrowRight" }[key];
    const meant = target.id === "events" || target.id === "scrub" ? walk ?? key : key;
    if (lab.key(meant)) {
      event.preventDefault();
      remember();
    }
  });
  $("nodes").addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) act("select", event.target.dataset.node);
  });

  const box = $("stage-box");
  const spot = (event) => {
    const area = $("stage").getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  box.addEventListener("pointermove", (event) => box.classList.toggle("points", lab.hover(...spot(event))));
  box.addEventListener("pointerleave", () => lab.leave());
  box.addEventListener("click", (event) => {
    if (!event.target.closest("button")) lab.press(...spot(event));
  });

  const axis = $("scrub");
  const scrub = (event) => lab.scrub(event.clientX - axis.getBoundingClientRect().left);
  axis.addEventListener("pointerdown", (event) => { axis.setPointerCapture(event.pointerId); scrub(event); });
  axis.addEventListener("pointermove", (event) => { if (event.buttons) scrub(event); });

  const charts = $("charts"), over = (event) => event.clientX - charts.getBoundingClientRect().left;
  charts.addEventListener("pointermove", (event) => { lab.hover_charts(over(event)); if (event.buttons) lab.scrub(over(event)); });
  charts.addEventListener("pointerleave", () => lab.leave_charts());
  charts.addEventListener("pointerdown", (event) => lab.scrub(over(event)));

  const watch = (element, tell) =>
    new ResizeObserver(() => tell(element.clientWidth, element.clientHeight, devicePixelRatio)).observe(element);
  watch($("stage-box"), (...size) => lab.resize_stage(...size));
  watch($("scrub"), (...size) => lab.resize_axis(...size));
  watch(charts, (width, height, dots) => lab.resize_charts(width, dots));
  if (matchMedia("(min-width: 1260px) and (min-height: 1000px)").matches) act("charts", "on");
  const media = (query, tell) => {
    const list = matchMedia(query);
    list.addEventListener("change", () => tell(list.matches));
  };
  media("(prefers-color-scheme: dark)", (dark) => lab.set_dark(dark));
  media("(prefers-reduced-motion: reduce)", (less) => lab.set_less_motion(less));
}

try {
  await init();
  $("version").textContent = engine.version();
  const languages = [memory.get("lang"), ...navigator.languages].filter(Boolean).join(",");
  const matches = (query) => matchMedia(query).matches;
  const lab = new engine.Lab(
    $("stage"), $("scrub"), $("charts"), location.search, languages, Number(memory.get("theme") ?? 0),
    matches("(prefers-color-scheme: dark)"), matches("(prefers-reduced-motion: reduce)"));
  listen(lab);
  run(lab);
} catch (error) {
  fail(error);
}
