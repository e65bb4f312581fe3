// Carries input to the engine's side and its words to the page. It decides nothing.
//
// `await init()` finds the wasm beside this file, or in the page itself where everything is one file.
import init, * as engine from "./mqlab_web.js";
import { share } from "./share.js";
import { menuOf, walksMenu } from "./menu.js";
import { addingOf, listenAdding } from "./adding.js";
import { betsOf, listenToBets } from "./bets.js";
import { listenToHands } from "./hand.js";
import { remembered } from "./memory.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;

const memory = remembered(() => { $("unremembered").hidden = false; });

// ---- filling the page ------------------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function picture(id) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  svg.firstChild.setAttribute("href", `#${id}`);
  return svg;
}
const icon = (tone) => picture(`i-${tone}`);

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
    $("story-title").textContent = part.title;
    $("scenario-title").textContent = part.title || $("scenario").getAttribute("aria-label");
    document.title = part.title ? `${part.title} · mqlab` : "mqlab";
    const coded = (text) => text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
    const words = (pieces) => pieces.flatMap(({ strong, text }) => (strong ? make("b", {}, ...coded(text)) : coded(text)));
    $("story-text").replaceChildren(...part.paragraphs.map((pieces) => make("p", {}, ...words(pieces))));
    $("story-look").replaceChildren(...part.look.map((text) => make("li", {}, ...coded(text))));
    $("story-tries").replaceChildren(...part.tries.map((text) => make("li", {}, ...coded(text))));
    const option = ([name, title, current]) => make("option", { value: name, selected: current && "" }, title);
    $("scenario").replaceChildren(
      ...part.groups.map(({ title, scenarios }) => make("optgroup", { label: title }, ...scenarios.map(option))));
    // A run of somebody's own, or none at all, stands in no list: then its name does, or what the list is.
    if (!part.groups.some(({ scenarios }) => scenarios.some(([, , current]) => current))) {
      $("scenario").prepend(make("option", { value: "", selected: "", disabled: "", hidden: "" }, $("scenario-title").textContent));
    }
    $("help").parentElement.classList.toggle("empty", !part.title);
    const legend = $("legend");
    legend.hidden = !part.legend;
    if (part.legend) {
      const { title, head, plays, rows } = part.legend;
      const cells = (kind, row) => make("tr", {}, ...row.map((text, column) =>
        make(column && kind === "td" ? "td" : "th", column === plays ? { class: "plays" } : {}, text)));
      legend.querySelector("summary").textContent = title;
      legend.querySelector("table").replaceChildren(cells("th", head), ...rows.map((row) => cells("td", row)));
    }
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
    $("slow").setAttribute("aria-pressed", part.slow);
    $("leap").setAttribute("aria-pressed", part.leap);
    $("pace-note").textContent = $("pace-note").title = part.note;
    $("pace-note").classList.toggle("slowed", part.slowed);
    $("undo").disabled = !part.can_undo;
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
  events({ rows, current, differs }) {
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
    for (const element of list.querySelectorAll("[data-differs]")) delete element.dataset.differs;
    if (differs && $(`event-${differs[0]}`)) $(`event-${differs[0]}`).dataset.differs = differs[1];
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
  menu: menuOf(make),
  adding: addingOf(make),
  ...betsOf(make, (goals) => memory.set("goals", goals)),
  views({ views, label, fits, holds, pans }) {
    for (const button of $("views").children) button.hidden = !views.some(({ name }) => button.id === `view-${name}`);
    for (const { name, current } of views) $(`view-${name}`).setAttribute("aria-pressed", current);
    $("view-fit").hidden = !fits;
    $("view-fit").disabled = !holds;
    $("stage-box").classList.toggle("holds", holds);
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
    $("ways").hidden = parts.length === 0;
    if (parts.length === 0) branchSheet(false);
    const chip = (part) => make("button",
      { "data-act": "branch", "data-value": part.id, "aria-current": part.current, title: part.deeds }, part.label);
    $("branches").replaceChildren(...parts.map(chip));
    const shown = $("branches").querySelector('[aria-current="true"]');
    if (shown) $("branches").scrollLeft = shown.offsetLeft - $("branches").offsetLeft - 24;
    const focused = document.activeElement?.closest?.("#branch-list > li");
    const held = focused && [focused.dataset.branch, document.activeElement.className];
    $("branch-list").replaceChildren(...parts.map((part) => make("li", { "data-branch": part.id, "data-named": part.named && "1" },
      make("button", { class: "go", "data-act": "branch", "data-value": part.id, "aria-current": part.current, title: part.deeds },
        part.label),
      make("button", { class: "key rename", title: part.rename, "aria-label": part.rename }, picture("i-pen")),
      ...(part.remove ? [make("button",
        { class: "key remove", "data-act": "remove", "data-value": part.id, title: part.remove, "aria-label": part.remove },
        picture("i-bin"))] : []))));
    if (held) ($("branch-list").querySelector(`[data-branch="${held[0]}"]`)?.getElementsByClassName(held[1])[0]
      ?? $("branch-close")).focus();
    for (const select of [$("compare-one"), $("compare-other")]) {
      const chosen = select.value;
      select.replaceChildren(...parts.map((part) => make("option", { value: part.id }, part.label)));
      select.value = chosen;
    }
    $("compare").hidden = parts.length < 2;
  },
  comparison(part) {
    const compared = part.pair !== null;
    for (const id of ["comparison", "compare-none"]) $(id).hidden = !compared;
    [$("compare-one").value, $("compare-other").value] = part.pair ?? ["", ""];
    $("alike").hidden = !part.alike;
    $("alike").textContent = part.alike;
    $("difference").hidden = !part.first;
    if (part.first) {
      $("difference-go").replaceChildren(part.first.label, " ", make("b", {}, part.first.time));
      $("difference-one").textContent = part.first.one;
      $("difference-other").textContent = part.first.other;
    }
    const names = ["compare-one", "compare-other"].map((id) => document.querySelector(`[data-text="${id}"]`).textContent);
    const cells = ([was, is], differs) => [was, is].map((value) => make("td", { class: differs && "differs" }, value));
    const head = (text, attributes) => make("th", { scope: "col", ...attributes }, text);
    $("comparison").replaceChildren(
      make("thead", {},
        make("tr", {}, make("td", {}), ...part.columns.map((text) => head(text, { colspan: 2, scope: "colgroup" }))),
        make("tr", {}, make("td", {}), ...[...names, ...names].map((text) => head(text, {})))),
      make("tbody", {}, ...part.rows.map((row) => make("tr", { "data-differs": row.differs.some(Boolean) && "" },
        make("th", { scope: "row" }, row.label), ...cells(row.present, row.differs[0]), ...cells(row.end, row.differs[1])))));
  },
  address(query) {
    if (location.protocol !== "file:") history.replaceState(null, "", query || location.pathname);
  },
  notice(words) {
    $("notice").hidden = !words;
    $("notice").textContent = words;
  },
  say(words) { $("live").textContent = words; },
};

function branchSheet(open) {
  if ($("branch-sheet").hidden === !open) return;
  $("branch-sheet").hidden = !open;
  $("branches-open").setAttribute("aria-expanded", open);
  if (open) $("branch-close").focus();
  else if (!$("ways").hidden) $("branches-open").focus();
}

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

function remember(lab) {
  memory.set("lang", lab.lang());
  memory.set("theme", lab.theme());
}

function listen(lab) {
  const act = (name, value = "") => lab.act(name, String(value));
  document.addEventListener("click", (event) => {
    const control = event.target.closest("[data-act]");
    if (!control) return;
    act(control.dataset.act, control.dataset.value);
    remember(lab);
  });
  $("lang").addEventListener("click", () => { lab.key("l"); remember(lab); });
  // Chosen with the pointer, the list lets go of the keys: the next Space plays. Walked by keyboard, it keeps them.
  let pointed = false;
  $("scenario").addEventListener("pointerdown", () => { pointed = true; });
  $("scenario").addEventListener("keydown", () => { pointed = false; });
  $("scenario").addEventListener("change", () => {
    act("scenario", $("scenario").value);
    if (pointed) $("scenario").blur();
  });
  listenToBets(act);
  $("pace").addEventListener("input", () => act("pace", $("pace").value));
  $("upkeep").addEventListener("change", () => act("upkeep"));

  listenAdding(act);

  const help = (open) => {
    $("help").hidden = !open;
    $("help-open").setAttribute("aria-expanded", open);
    $(open ? "help-close" : "help-open").focus();
  };
  $("help-open").addEventListener("click", () => help($("help").hidden));
  $("help-close").addEventListener("click", () => help(false));

  const branches = (open) => {
    if ($("ways").hidden) return;
    if (open) act("compare-usual");
    branchSheet(open);
  };
  $("branches-open").addEventListener("click", () => branches($("branch-sheet").hidden));
  $("branch-close").addEventListener("click", () => branches(false));
  for (const id of ["compare-one", "compare-other"]) {
    $(id).addEventListener("change", () => act("compare", `${$("compare-one").value} ${$("compare-other").value}`));
  }
  // A name is written in its own row; Enter keeps it, Escape does not.
  $("branch-list").addEventListener("click", (event) => {
    const row = event.target.closest(".rename")?.parentElement;
    if (!row) return;
    const { named } = row.dataset;
    const said = row.querySelector(".go").textContent;
    const name = make("input",
      { maxlength: 60, "aria-label": $("branch-name").textContent, value: named ? said : "", placeholder: said });
    let open = true;
    const close = (keep) => {
      if (!open) return;
      open = false;
      name.replaceWith(hidden);
      if (keep) act("rename", `${row.dataset.branch} ${name.value}`);
    };
    const hidden = row.querySelector(".go");
    name.addEventListener("keydown", (key) => {
      if (key.isComposing || !["Enter", "Escape"].includes(key.key)) return;
      key.stopPropagation();
      key.preventDefault(); // or Enter would press the button that has the focus next
      close(key.key === "Enter");
      row.querySelector(".rename").focus();
    });
    name.addEventListener("blur", () => close(true));
    hidden.replaceWith(name);
    name.select();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { key, target } = event;
    if (key === "?") return help($("help").hidden);
    if (key === "Escape" && !$("help").hidden) return help(false);
    if (target.matches("input:not([type])")) return;
    if (key === "Escape" && !$("branch-sheet").hidden) return branches(false);
    if (key === "b" && !target.matches("select")) return branches($("branch-sheet").hidden);
    if (target.matches("input, select") && !["Escape", "l", "k", "r", "?"].includes(key)) return;
    if (target.matches("select")) return;
    if (target.matches("button") && [" ", "Enter"].includes(key)) return;
    const walk = { ArrowUp: "ArrowLeft", ArrowDown: "ArrowRight", PageUp: "[", PageDown: "]" }[key];
    const meant = target.id === "events" || target.id === "scrub" ? walk ?? key : key;
    if (walksMenu(event, () => act("menu", ""))) return;
    if (["m", "ContextMenu"].includes(key) && target.dataset.node) {
      act("menu", target.dataset.node);
      return event.preventDefault();
    }
    if (lab.key(event.shiftKey && meant.startsWith("Arrow") ? `Shift+${meant}` : meant)) {
      event.preventDefault();
      remember(lab);
    }
  });
  $("nodes").addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) act("select", event.target.dataset.node);
  });

  listenToHands(lab);

  const axis = $("scrub");
  const place = (event) => {
    const area = axis.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  let pressed = null;
  axis.addEventListener("pointerdown", (event) => {
    axis.setPointerCapture(event.pointerId);
    pressed = event.clientX;
    lab.press_axis(...place(event));
  });
  axis.addEventListener("pointermove", (event) => {
    if (!event.buttons) return lab.hover_axis(...place(event));
    if (pressed !== null && Math.abs(event.clientX - pressed) < 3) return; // a mark was pressed, not dragged away from
    pressed = null;
    lab.leave_axis();
    lab.scrub(place(event)[0]);
  });
  axis.addEventListener("pointerleave", () => lab.leave_axis());

  const charts = $("charts"), over = (event) => event.clientX - charts.getBoundingClientRect().left;
  charts.addEventListener("pointermove", (event) => { lab.hover_charts(over(event)); if (event.buttons) lab.scrub(over(event)); });
  charts.addEventListener("pointerleave", () => lab.leave_charts());
  charts.addEventListener("pointerdown", (event) => lab.scrub(over(event)));

  const watch = (element, tell) =>
    new ResizeObserver(() => tell(element.clientWidth, element.clientHeight, devicePixelRatio)).observe(element);
  watch($("stage-box"), (...size) => lab.resize_stage(...size));
  watch($("scrub"), (...size) => lab.resize_axis(...size));
  watch(charts, (width, height, dots) => lab.resize_charts(width, dots));
  if (matchMedia("(min-width: 1260px) and (min-height: 1000px)").matches) lab.offer_charts();
  const media = (query, tell) => {
    const list = matchMedia(query);
    list.addEventListener("change", () => tell(list.matches));
  };
  media("(prefers-color-scheme: dark)", (dark) => lab.set_dark(dark));
  media("(prefers-reduced-motion: reduce)", (less) => lab.set_less_motion(less));
}

// What the page needs and may not have; its words stand in the page itself.
function trouble(kind) {
  document.querySelector(`[data-trouble="${kind}"]`).hidden = false;
  document.querySelector(".app").classList.add("empty", "without-engine");
}

async function start() {
  if (!globalThis.WebAssembly) return trouble("wasm");
  if (!$("stage").getContext?.("2d")) return trouble("canvas");
  try {
    await init();
  } catch (error) {
    console.warn(error);
    return trouble("download");
  }
  $("version").textContent = engine.version();
  const languages = [memory.get("lang"), ...navigator.languages].filter(Boolean).join(",");
  const matches = (query) => matchMedia(query).matches;
  const lab = new engine.Lab(
    $("stage"), $("scrub"), $("charts"), location.search, languages, Number(memory.get("theme") ?? 0),
    matches("(prefers-color-scheme: dark)"));
  lab.set_less_motion(matches("(prefers-reduced-motion: reduce)"));
  lab.remember_goals(memory.get("goals") ?? "");
  listen(lab);
  share(lab);
  run(lab);
  memory.set("theme", lab.theme()); // so that one hears at once where nothing can be remembered
}

try {
  await start();
} catch (error) {
  fail(error);
}

// One file alone has no page beside it: it cannot compare, for a browser starts no workers from a file.
if ($("mqlab-wasm")) for (const link of document.querySelectorAll('[data-text="compare-page"]')) link.hidden = true;

// Kept for when there is no network: the folder alone, for the single file needs none. Where it is refused, nothing is lost.
if (navigator.serviceWorker && location.protocol !== "file:" && !$("mqlab-wasm")) {
  navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" }).catch(() => {});
}
