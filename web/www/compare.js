// The page that compares: carries input to the engine's side, runs to workers, and words to the page. It decides nothing.
import init, * as engine from "./mqlab_web.js";
import { remembered } from "./memory.js";
import "./mq-lab.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;

const memory = remembered();

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== false) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// ---- the workers -----------------------------------------------------------------------------------------------

/** The most workers at once. The page needs little while they run, and processors are shared fairly. */
const WORKERS_MAX = 4;

class Pool {
  #workers = []; #next = 0; #over = false;

  constructor(link, count, tell) {
    const workers = Math.max(1, Math.min(navigator.hardwareConcurrency || 2, WORKERS_MAX, count));
    for (let number = 0; number < workers; number += 1) this.#add(link, count, tell);
  }

  #add(link, count, tell) {
    const worker = new Worker(new URL("./compare-worker.js", import.meta.url), { type: "module" });
    const go = () => { if (this.#next < count) worker.postMessage({ number: this.#next++ }); };
    worker.onmessage = ({ data }) => {
      if (this.#over) return;
      tell(data);
      if (data.ready || data.outcome) go();
    };
    // A script that cannot be loaded has no message; what fails within it has been told as such.
    worker.onerror = ({ message }) => { if (!this.#over) tell(message ? { failed: message } : { missing: true }); };
    worker.postMessage({ link, module: engine.module() }); // compiled: workers download nothing
    this.#workers.push(worker);
  }

  end() {
    this.#over = true;
    this.#workers.forEach((worker) => worker.terminate());
  }
}

// ---- filling the page ------------------------------------------------------------------------------------------

const option = ({ value, label, chosen }) => {
  const made = make("option", { value }, label);
  made.selected = chosen;
  return made;
};

// Fills a place anew, and gives the focus back to what had it: the element with the same data-key.
function refill(place, children) {
  const held = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place.replaceChildren(...children);
  if (held) (place.querySelector(`[data-key="${held}"]`) ?? place.querySelector("button, select, input"))?.focus();
}

function choose(select, choices) {
  const same = select.children.length === choices.length
    && choices.every(({ value, label }, place) => select.children[place].value === value && select.children[place].textContent === label);
  if (!same) select.replaceChildren(...choices.map(option));
  select.value = choices.find(({ chosen }) => chosen)?.value ?? "";
}

function contender(part, place, form) {
  const list = (name, label, choices) => {
    const select = make("select", { name, "data-key": `${name}-${place}`, "aria-label": `${part.label}: ${label}` }, ...choices.map(option));
    select.addEventListener("change", () => act(name, `${place} ${select.value}`));
    return select;
  };
  const line = make("div", { class: "two" }, list("system", form.system, part.systems), list("setting", form.setting, part.settings));
  if (form.may_remove) {
    line.append(make("button", { type: "button", class: "key remove", "data-key": `remove-${place}`, "data-act": "remove-contender",
      "data-value": place, "aria-label": `${form.remove}: ${part.label}`, title: form.remove }, "×"));
  }
  return make("li", {}, line, make("p", { class: "says" }, part.says));
}

function table(part, { contender: first, columns }) {
  const heads = columns.map(([name, head, means]) => make("th", { role: "columnheader", scope: "col", title: means, "data-column": name }, head));
  const rows = part.rows.map(({ name, says, note, cells }) => make("tr", { role: "row" },
    make("th", { role: "rowheader", scope: "row", title: says }, make("b", {}, name), ...(note ? [make("span", { class: "note" }, note)] : [])),
    ...cells.map(({ column, head, words, link, opens, is_bad }) => {
      const figure = link ? make("a", { href: `./${link}`, target: "_blank", rel: "noopener", title: opens, "data-key": `${part.mishap}-${name}-${column}` }, words) : words;
      return make("td", { role: "cell", "data-column": column, "data-head": head, class: is_bad && "bad" }, figure);
    })));
  const grid = make("table", { role: "table", "aria-labelledby": `title-${part.mishap}` },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, make("th", { role: "columnheader", scope: "col" }, first), ...heads)),
    make("tbody", { role: "rowgroup" }, ...rows));
  const differences = part.differences.map(({ words, value, see }) => make("p", { class: "difference" }, words, " ",
    make("button", { type: "button", class: "way", "data-act": "see", "data-value": value, "data-key": `see-${value}` }, see)));
  return make("section", { "data-mishap": part.mishap, "aria-labelledby": `title-${part.mishap}` },
    make("h3", { id: `title-${part.mishap}` }, part.title), make("p", { class: "says" }, part.says), grid, ...differences,
    ...(part.alike ? [make("p", { class: "says" }, part.alike)] : []));
}

function needs({ need: first, systems, needs: all }) {
  const heads = systems.map(([name, serves]) => make("th", { role: "columnheader", scope: "col", "data-serves-all": serves }, name));
  const rows = all.map(({ name, title, asks, ticked, answers }) => {
    const box = make("input", { type: "checkbox", "data-key": name, "aria-describedby": `asks-${name}` });
    box.checked = ticked;
    box.addEventListener("change", () => act("need", name));
    const head = make("th", { role: "rowheader", scope: "row" }, make("label", {}, box, make("b", {}, title)), make("span", { class: "note", id: `asks-${name}` }, asks));
    const cells = answers.map(({ serves, sign, heard, by, link, opens }, place) => {
      const mark = make("span", { class: "sign", role: "img", "aria-label": heard, title: heard }, sign);
      const words = link ? make("a", { href: `./${link}`, target: "_blank", rel: "noopener", title: opens, "data-key": `${name}-${place}` }, by) : by;
      return make("td", { role: "cell", "data-serves": serves, "data-head": systems[place][0] }, mark, " ", words);
    });
    return make("tr", { role: "row", "data-need": name, "data-ticked": ticked }, head, ...cells);
  });
  return make("table", { role: "table", "aria-labelledby": "needs-title" },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, make("th", { role: "columnheader", scope: "col" }, first), ...heads)),
    make("tbody", { role: "rowgroup" }, ...rows));
}

const fill = {
  words({ tag, texts, theme, theme_words, title }) {
    root.lang = tag;
    const all = new Map(texts);
    for (const element of document.querySelectorAll("[data-text]")) element.textContent = all.get(element.dataset.text);
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", all.get(element.dataset.label));
      if (element.matches("button")) element.title = all.get(element.dataset.label);
    }
    root.dataset.theme = root.dataset.choice = theme;
    $("theme").title = theme_words;
    $("theme").setAttribute("aria-label", theme_words);
    document.title = title;
    for (const lab of document.querySelectorAll("mq-lab")) dress(lab);
    due = NaN; // dressed anew, they begin anew
  },
  form(part) {
    refill($("presets"), part.presets.map(({ value, label, chosen }) => make("button",
      { type: "button", class: "pill small", "data-act": "preset", "data-value": value, "data-key": value, "aria-pressed": chosen }, label)));
    refill($("contenders"), part.contenders.map((one, place) => contender(one, place, part)));
    $("add-contender").disabled = !part.may_add;
    choose($("workload"), part.workloads);
    $("workload-says").textContent = part.workload_says;
    refill($("numbers"), part.numbers.map(({ name, label, value, limits: [min, max] }) => {
      const input = make("input", { type: "number", name, value, min, max, step: 1, inputmode: "numeric", "data-key": name });
      input.addEventListener("change", () => act("number", `${name} ${input.value}`));
      return make("label", { class: "field" }, make("span", {}, label), input);
    }));
    refill($("mishaps"), part.mishaps.map(({ value, label, says, chosen }) => {
      const box = make("input", { type: "checkbox", value, "data-key": value });
      box.checked = chosen;
      box.addEventListener("change", () => act("mishap", value));
      return make("label", { title: says }, box, make("span", {}, label));
    }));
    choose($("machine"), part.machines);
    [$("seeds").value, $("seeds").max] = part.seeds;
    $("run-count").textContent = part.runs;
  },
  run({ state, hundredths, words, has_outcome }) {
    const running = state === "running", held = document.activeElement;
    $("cancel").hidden = !running;
    $("run").hidden = running;
    if (held === $("run") && running) $("cancel").focus();
    if (held === $("cancel") && !running) $("run").focus();
    $("progress").hidden = !running;
    $("progress").value = hundredths;
    $("progress-words").textContent = words;
    $("progress-words").classList.toggle("bad", state === "failed");
    $("outcome").hidden = $("drawn").hidden = !has_outcome;
    $("outcome").dataset.state = state;
  },
  tables(part) {
    $("outcome-head").textContent = part.head;
    refill($("tables"), part.tables.map((one) => table(one, part)));
  },
  charts(parts) {
    $("charts").replaceChildren(...parts.map(({ title, heard, svg }) => {
      const figure = make("figure", {});
      figure.innerHTML = svg; // the engine's own drawing; it escapes the words in it
      figure.firstElementChild.setAttribute("role", "img");
      figure.firstElementChild.setAttribute("aria-label", `${title}. ${heard}`);
      return figure;
    }));
  },
  needs(part) {
    refill($("needs-table"), [needs(part), make("p", { class: "says" }, part.signs)]);
    $("needs-answer").textContent = part.answer;
  },
  together(part) {
    $("together").hidden = !part.offered;
    choose($("together-mishap"), part.mishaps);
    choose($("together-seed"), part.seeds);
    choose($("speed"), part.paces);
    $("transport").hidden = part.stages.length === 0;
    $("clock").max = part.end;
    refill($("marks"), part.marks.map(({ kind, at, label }) => {
      const mark = make("button", { type: "button", "data-kind": kind, "data-act": "seek", "data-value": at, "data-key": kind, title: label, "aria-label": label });
      mark.style.left = `${(at / Math.max(1, part.end)) * 100}%`;
      return mark;
    }));
    const before = [...$("stages").children];
    $("stages").replaceChildren(...part.stages.map(({ name, link }, place) => {
      const old = before[place]?.dataset.name === name ? before[place] : undefined;
      const stage = old ?? make("div", { "data-name": name }, make("h3", {}, name), make("mq-lab", { controls: "step open" }));
      const lab = stage.lastElementChild;
      if (lab.getAttribute("link") !== link) lab.setAttribute("link", link);
      dress(lab);
      return stage;
    }));
    if (part.stages.length > 0 && before.length === 0) $("together").scrollIntoView({ block: "start" });
    due = NaN; // whoever is new learns the moment, too
  },
  clock({ playing, play, now, time, heard }) {
    $("play").setAttribute("aria-pressed", playing);
    $("play").setAttribute("aria-label", play);
    $("play").title = play;
    $("clock").value = now;
    $("clock").setAttribute("aria-valuetext", heard);
    $("now").textContent = time;
  },
  address(query) { history.replaceState(null, "", query); },
  notice(words) {
    $("notice").hidden = !words;
    $("notice").textContent = words;
  },
  say(words) { $("live").textContent = words; },
};

// A stage is of the page's language and colours.
function dress(lab) {
  for (const [name, value] of [["lang", root.lang === "zh-CN" ? "zh" : "en"], ["theme", root.dataset.theme ?? "auto"]]) {
    if (lab.getAttribute(name) !== value) lab.setAttribute(name, value);
  }
}

// ---- the loop --------------------------------------------------------------------------------------------------

let desk, pool, due = NaN;

function tick(now) {
  try {
    const moment = desk.tick(now) ?? NaN;
    const panel = desk.panel(now);
    if (panel) for (const [part, value] of Object.entries(panel)) fill[part](value);
    if (moment !== due && !Number.isNaN(moment)) {
      due = moment;
      for (const lab of document.querySelectorAll("#stages mq-lab")) lab.seek(moment);
    }
  } catch (error) {
    console.error(error);
    $("notice").hidden = false;
    $("notice").textContent ||= String(error);
    pool?.end();
    return;
  }
  root.dataset.ready = "1";
  requestAnimationFrame(tick);
}

function act(name, value = "") {
  desk.act(name, String(value));
  memory.set("lang", desk.lang());
  memory.set("theme", desk.theme());
}

function begin() {
  pool?.end();
  const link = desk.start();
  pool = new Pool(link, desk.runs(), ({ number, share, outcome, fates, decided, failed, missing }) => {
    if (missing) desk.miss();
    else if (failed !== undefined) desk.fail(number ?? -1, failed);
    else if (share !== undefined) desk.tell(number, share);
    else if (outcome !== undefined) desk.arrive(number, outcome, fates, decided);
    if (!desk.is_running()) pool.end();
  });
}

function stop() {
  pool?.end();
  desk.stop();
}

function listen() {
  document.addEventListener("click", (event) => {
    const control = event.target.closest("[data-act]");
    if (control) act(control.dataset.act, control.dataset.value);
  });
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const written = document.activeElement; // a number that is still being written counts
    if (written.matches("input[type='number']")) written.dispatchEvent(new Event("change"));
    begin();
  });
  $("cancel").addEventListener("click", stop);
  $("form").addEventListener("keydown", (event) => { if (event.key === "Escape" && desk.is_running()) stop(); });
  for (const id of ["workload", "machine", "seeds", "together-mishap", "together-seed"]) {
    $(id).addEventListener("change", () => act(id, $(id).value));
  }
  $("speed").addEventListener("change", () => act("pace", $("speed").value));
  $("clock").addEventListener("input", () => act("seek", $("clock").value));
  // A stage that somebody steps by hand leads the others.
  $("stages").addEventListener("mq-time", ({ detail }) => { if (detail.byHand) desk.follow(detail.now); });
  for (const what of ["csv", "json", "svg"]) {
    $(`keep-${what}`).addEventListener("click", () => {
      const [name, kind, text] = desk.keep(what);
      if (!name) return;
      const anchor = make("a", { download: name, href: URL.createObjectURL(new Blob([text], { type: kind })) });
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
    });
  }
  const said = (what) => { for (const words of $("share-said").children) words.hidden = words.dataset.said !== what; };
  $("copy-link").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      said("link-copied");
    } catch {
      said("link-refused");
      $("link").hidden = false;
      $("link").value = location.href;
      $("link").focus();
      $("link").select();
    }
  });
  new ResizeObserver(() => {
    const { clientWidth } = $("charts");
    const columns = getComputedStyle($("charts")).gridTemplateColumns.split(" ").length;
    desk.resize_charts((clientWidth - (columns - 1) * 16) / columns - 2);
  }).observe($("charts"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => desk.set_dark(matches));
}

// What the page needs and may not have; its words stand in the page itself.
function trouble(kind) {
  document.querySelector(`[data-trouble="${kind}"]`).hidden = false;
  $("page").hidden = true;
  document.querySelector("header nav").hidden = true;
}

async function start() {
  if (!globalThis.WebAssembly) return trouble("wasm");
  if (!globalThis.Worker) return trouble("worker");
  try {
    await init();
  } catch (error) {
    console.warn(error);
    return trouble("download");
  }
  const languages = [memory.get("lang"), ...navigator.languages].filter(Boolean).join(",");
  desk = new engine.Comparing(location.search, languages, Number(memory.get("theme") ?? 0), matchMedia("(prefers-color-scheme: dark)").matches);
  listen();
  requestAnimationFrame(tick);
}

await start();

// Kept for when there is no network, as the lab is.
if (navigator.serviceWorker) navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" }).catch(() => {});
