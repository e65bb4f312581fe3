// <mq-lab scenario="kill-the-leader" seed="7" controls="play step">: a lab in any page, by this one script.
//
//   <script type="module" src="https://…/mq-lab.js"></script>
//
// A script may drive it: lab.seek(412_800), lab.play(), lab.pause(); lab.now, lab.end and lab.playing tell how it is, and
// the event "mq-time" tells each moment that it shows: { now, end, playing, byHand }.
// The files beside it are loaded from where it lies. It carries input to the engine's side and fills its own shadow.
import init, { Element as Lab } from "./mqlab_web.js";

const PAGE = new URL("./", import.meta.url);

// The engine has all other words, but not those for its own absence.
const TROUBLE = {
  wasm: ["This browser runs no WebAssembly, which <mq-lab> needs.", "这个浏览器不能运行 WebAssembly，<mq-lab> 需要它。"],
  canvas: ["This browser draws on no canvas, which <mq-lab> needs.", "这个浏览器不提供 Canvas 绘图，<mq-lab> 需要它。"],
  download: ["The engine of <mq-lab> could not be downloaded.", "<mq-lab> 的引擎下载失败。"],
  failed: ["Something went wrong in <mq-lab>. Load the page again to start over.", "<mq-lab> 出错了，请重新加载页面。"],
};

const ICONS = {
  play: `<path class="to-play" d="M5.5 3.5v11l9-5.5z"/><path class="to-pause" d="M5 3.5h3v11H5zm5 0h3v11h-3z"/>`,
  back: `<path d="M4 4h2v10H4zM14 4v10L7 9z"/>`,
  forward: `<path d="M12 4h2v10h-2zM4 4v10l7-5z"/>`,
  reset: `<path d="M3.5 9a5.5 5.5 0 1 0 1.7-4M5 2v3.2h3.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/>`,
  open: `<path d="M8 4H4.5v9.5H14V10M10.5 3.5h4v4m0-4L8.5 9.5" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/>`,
};

const STYLE = `
:host { --paper: #faf9f6; --surface: #fff; --sunk: #f2f0eb; --line: #e3dfd6; --line-strong: #b9b2a3; --ink: #1c2127; --ink-2: #525a64; --blue: #0072b2; --vermilion: #b54900;
  display: block; height: 420px; min-width: 0; contain: content; color: var(--ink); color-scheme: light;
  font: 14px/1.5 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
:host([hidden]) { display: none; }
.dark { --paper: #14171b; --surface: #1d2127; --sunk: #101316; --line: #2a3038; --line-strong: #4d5661; --ink: #e9ecef; --ink-2: #b0b7c0; --blue: #56b4e9; --vermilion: #f5915a; color: var(--ink); color-scheme: dark; }
.lab { box-sizing: border-box; height: 100%; display: flex; flex-direction: column; border: 1px solid var(--line-strong); border-radius: 10px; overflow: hidden; background: var(--sunk); }
:focus-visible { outline: 2px solid var(--blue); outline-offset: -2px; }
.stage { flex: 1; min-height: 0; position: relative; overflow: hidden auto; touch-action: pan-y; }
.stage.points { cursor: pointer; }
canvas { display: block; width: 100%; }
.nodes { position: absolute; left: 0; top: 0; } .nodes button { position: absolute; opacity: 0; border-radius: 50%; } .nodes button:focus-visible { opacity: 1; outline-offset: 1px; }
.bar { flex: none; display: flex; align-items: center; gap: 2px; padding: 5px 8px; background: var(--surface); border-top: 1px solid var(--line); }
.bar:empty, [hidden] { display: none !important; }
button, a.key { font: inherit; color: var(--ink-2); background: none; border: 0; padding: 0; margin: 0; cursor: pointer; }
.key { width: 34px; height: 34px; border-radius: 9px; display: grid; place-items: center; flex: none; }
.key:hover { background: var(--sunk); color: var(--ink); }
.key.play { width: 44px; border-radius: 18px; background: var(--ink); color: var(--paper); margin-right: 4px; }
.to-pause, [aria-pressed="true"] .to-play { display: none; } [aria-pressed="true"] .to-pause { display: inline; }
.bar input { flex: 1; min-width: 40px; accent-color: var(--blue); margin: 0 8px; }
.now { margin-left: auto; padding: 0 6px; font-size: 12.5px; color: var(--ink-2); white-space: nowrap; }
.notice { margin: auto; padding: 14px 18px; max-width: 46em; color: var(--vermilion); overflow-wrap: anywhere; }
.notice.over { margin: 0; padding: 7px 12px; background: var(--surface); border-bottom: 1px solid var(--line); }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

// One engine for all elements of a page.
let engine;
const loaded = () => (engine ??= init());

const attributes = ["scenario", "seed", "link", "controls", "lang", "theme"];

class MqLab extends HTMLElement {
  static observedAttributes = attributes;
  #parts; #lab; #panel; #frame = 0; #seen = false; #asked = 0; #watching = []; #due; #plays; #told; #driven = false;

  /** How many times the stage was drawn. */
  frames = 0;

  // ---- driven by the page around it: seek, play, pause; "mq-time" tells each moment that it shows -----------------------

  /** The moment that is shown, in microseconds of the run; not a number before there is a run. */
  get now() { return this.#lab?.now() ?? NaN; }

  /** The end of the run, in microseconds. */
  get end() { return this.#lab?.end() ?? NaN; }

  /** Whether it plays. */
  get playing() { return Boolean(this.#lab?.playing()); }

  /** Goes to a moment, in microseconds. While nobody can see the stage, it waits. */
  seek(micros) { this.#due = Number(micros); this.#driven = true; }

  /** Plays from where it is. */
  play() { this.#plays = true; this.#driven = true; }

  /** Stands still. */
  pause() { this.#plays = false; this.#driven = true; }

  // What was asked for from outside, before the frame in which it is drawn.
  #obey() {
    if (this.#due !== undefined && !Number.isNaN(this.#due)) this.#lab.seek(this.#due);
    if (this.#plays !== undefined) this.#lab.play(this.#plays);
    this.#due = this.#plays = undefined;
  }

  // Tells the page around it; `byHand` where somebody moved it within the element.
  #tell() {
    const { now, end, playing } = this;
    if (Number.isNaN(now) || (now === this.#told?.now && playing === this.#told?.playing)) return;
    this.#told = { now, playing };
    this.dispatchEvent(new CustomEvent("mq-time", { bubbles: true, detail: { now, end, playing, byHand: !this.#driven } }));
  }

  connectedCallback() {
    this.#build();
    this.#watch();
    this.#open();
  }

  disconnectedCallback() {
    this.#watching.forEach((end) => end());
    this.#watching = [];
    this.#close();
  }

  attributeChangedCallback() { if (this.#watching.length) this.#open(); }

  #build() {
    if (this.shadowRoot) return;
    const shadow = this.attachShadow({ mode: "open" });
    shadow.innerHTML = `<style>${STYLE}</style><div class="lab" part="lab" role="group" tabindex="0"><p class="notice" role="alert" hidden></p>
      <div class="stage"><canvas role="img" aria-label="mq-lab"></canvas><div class="nodes"></div></div><div class="bar" part="bar"></div><p class="said" aria-live="polite"></p></div>`;
    const find = (css) => shadow.querySelector(css);
    this.#parts = { lab: find(".lab"), notice: find(".notice"), stage: find(".stage"), canvas: find("canvas"), nodes: find(".nodes"), bar: find(".bar"), said: find(".said") };
    this.#listen();
  }

  async #open() {
    const mine = ++this.#asked;
    this.#close();
    if (!globalThis.WebAssembly) return this.#trouble("wasm");
    if (!this.#parts.canvas.getContext?.("2d")) return this.#trouble("canvas");
    try {
      await loaded();
    } catch (error) {
      engine = undefined; // the next element tries again
      console.warn(error);
      return this.#trouble("download");
    }
    if (mine !== this.#asked || !this.isConnected) return; // another attribute came, or the element went
    const given = attributes.flatMap((name) => (this.hasAttribute(name) ? [name, this.getAttribute(name)] : []));
    const languages = [this.closest("[lang]")?.lang, ...navigator.languages].filter(Boolean).join(",");
    const matches = (query) => matchMedia(query).matches;
    this.#lab = new Lab(this.#parts.canvas, given, languages, matches("(prefers-color-scheme: dark)"), matches("(prefers-reduced-motion: reduce)"));
    this.#resize();
    this.#go();
  }

  #close() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#lab?.free();
    this.#lab = this.#panel = undefined;
  }

  // ---- drawing: only while somebody can see it --------------------------------------------------------------------

  #go() {
    if (this.#frame || !this.#lab || !this.#seen || document.hidden) return;
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  #tick(now) {
    this.#frame = 0;
    try {
      this.#obey();
      if (this.#lab.frame(now)) this.frames += 1;
      const panel = this.#lab.panel(now);
      if (panel) this.#fill(panel);
      this.#tell();
    } catch (error) {
      console.error(error);
      this.#lab = undefined;
      return this.#trouble("failed");
    }
    this.dataset.ready = 1;
    this.#go();
  }

  #watch() {
    const sight = new IntersectionObserver(([...entries]) => {
      this.#seen = entries.at(-1).isIntersecting;
      if (this.#seen) this.#go();
      else { cancelAnimationFrame(this.#frame); this.#frame = 0; }
    });
    sight.observe(this);
    const size = new ResizeObserver(() => this.#resize());
    size.observe(this.#parts.stage);
    const shown = () => this.#go();
    document.addEventListener("visibilitychange", shown);
    const media = (query, tell) => {
      const list = matchMedia(query), change = () => { if (this.#lab) tell(list.matches); };
      list.addEventListener("change", change);
      return () => list.removeEventListener("change", change);
    };
    this.#watching = [
      () => sight.disconnect(), () => size.disconnect(), () => document.removeEventListener("visibilitychange", shown),
      media("(prefers-color-scheme: dark)", (dark) => { this.#lab.set_dark(dark); this.#dress(); }),
      media("(prefers-reduced-motion: reduce)", (less) => this.#lab.set_less_motion(less)),
    ];
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#parts.stage;
    if (this.#lab && clientWidth) this.#lab.resize(clientWidth, clientHeight, devicePixelRatio);
  }

  // ---- filling ---------------------------------------------------------------------------------------------------

  #trouble(kind) {
    const { notice, stage, lab } = this.#parts;
    notice.textContent = TROUBLE[kind].join(" ");
    notice.hidden = false;
    stage.hidden = true;
    lab.setAttribute("aria-label", "mq-lab");
    this.dataset.ready = 1;
  }

  #dress() {
    const dark = this.#panel?.theme === "dark" || (this.#panel?.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    this.#parts.lab.classList.toggle("dark", dark);
  }

  #fill(panel) {
    const before = this.#panel, { lab, notice, stage, canvas, bar, nodes, said } = this.#parts;
    this.#panel = panel;
    lab.lang = panel.tag;
    lab.setAttribute("aria-label", panel.title);
    canvas.setAttribute("aria-label", panel.title);
    this.#dress();
    const runs = panel.end > 0;
    stage.hidden = !runs;
    notice.hidden = !panel.notice;
    notice.classList.toggle("over", runs);
    if (notice.textContent !== panel.notice) notice.textContent = panel.notice;
    // Whoever drives it speaks for it: several labs in step would all speak at once.
    if (!this.#driven && said.textContent !== panel.say) said.textContent = panel.say;
    if (String(before?.controls) !== String(panel.controls)) this.#controls(panel);
    this.#transport(panel);
    const focused = this.shadowRoot.activeElement?.dataset.node;
    if (JSON.stringify(before?.nodes) !== JSON.stringify(panel.nodes)) {
      nodes.replaceChildren(...panel.nodes.map(({ id, label, area: [left, top, width, height] }) => {
        const button = document.createElement("button");
        Object.assign(button.dataset, { node: id, act: "toggle", value: id });
        button.setAttribute("aria-label", label);
        button.title = label;
        Object.assign(button.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
        return button;
      }));
      if (focused) nodes.querySelector(`[data-node="${focused}"]`)?.focus();
    }
    this.dataset.digest = panel.digest;
  }

  #controls(panel) {
    const { bar } = this.#parts;
    const held = this.shadowRoot.activeElement?.dataset.act;
    const drawn = (name) => `<svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true" fill="currentColor">${ICONS[name]}</svg>`;
    bar.replaceChildren(...panel.controls.map(([name, label]) => {
      const control = document.createElement({ time: "input", open: "a" }[name] ?? "button");
      if (name === "time") Object.assign(control, { type: "range", min: 0, step: 1 });
      else control.innerHTML = drawn(name);
      control.className = name === "play" ? "key play" : "key";
      if (name === "time") control.className = "";
      if (name === "open") control.target = "_blank";
      else if (name !== "time") control.dataset.act = name;
      control.dataset.control = name;
      control.setAttribute("aria-label", label);
      control.title = label;
      return control;
    }));
    if (panel.controls.length) {
      const now = document.createElement("span");
      now.className = "now";
      bar.append(now);
    }
    if (held) bar.querySelector(`[data-act="${held}"]`)?.focus();
  }

  #transport(panel) {
    const find = (name) => this.#parts.bar.querySelector(`[data-control="${name}"]`);
    find("play")?.setAttribute("aria-pressed", panel.playing);
    const time = find("time");
    if (time) {
      time.max = panel.end;
      time.value = panel.now;
      time.setAttribute("aria-valuetext", panel.heard);
    }
    const open = find("open");
    if (open) open.href = new URL(panel.address || ".", PAGE).href;
    const now = this.#parts.bar.querySelector(".now");
    if (now) now.textContent = `${panel.time} ms`;
  }

  // ---- input -----------------------------------------------------------------------------------------------------

  #listen() {
    const { lab, stage, bar } = this.#parts;
    lab.addEventListener("click", (event) => {
      const control = event.target.closest("[data-act]");
      if (!control) return;
      this.#driven = false;
      this.#lab?.act(control.dataset.act, control.dataset.value ?? "");
    });
    lab.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, a")) return;
      if (event.target.matches("button") && [" ", "Enter"].includes(event.key)) return;
      if (this.#lab?.key(event.key)) { this.#driven = false; event.preventDefault(); event.stopPropagation(); }
    });
    bar.addEventListener("input", (event) => { if (event.target.matches("input")) { this.#driven = false; this.#lab?.seek(Number(event.target.value)); } });
    const spot = (event) => {
      const area = this.#parts.canvas.getBoundingClientRect();
      return [event.clientX - area.left, event.clientY - area.top];
    };
    stage.addEventListener("pointermove", (event) => stage.classList.toggle("points", Boolean(this.#lab?.hover(...spot(event)))));
    stage.addEventListener("pointerleave", () => this.#lab?.leave());
    stage.addEventListener("click", (event) => { if (!event.target.closest("button")) this.#lab?.press(...spot(event)); });
  }
}

if (!customElements.get("mq-lab")) customElements.define("mq-lab", MqLab);
