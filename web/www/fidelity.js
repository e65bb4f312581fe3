// The page of cards: its language and its colours, which the lab's pages share. Everything else is HTML.
import { remembered } from "./memory.js";

const root = document.documentElement;

const memory = remembered();

/** The languages' tags, as links have them and as HTML has them. */
const LANGUAGES = { en: "en", zh: "zh-CN" };
const THEMES = ["auto", "light", "dark"];
const TITLES = { en: "How true is it? · mqlab", zh: "有多真？ · mqlab" };

function speak(lang) {
  root.lang = LANGUAGES[lang];
  document.title = TITLES[lang];
}

function dress(number) {
  root.dataset.theme = root.dataset.choice = THEMES[number];
}

const known = (tag) => Object.keys(LANGUAGES).find((lang) => tag?.toLowerCase().startsWith(lang));
const asked = new URLSearchParams(location.search).get("lang");
const spoken = [asked, memory.get("lang"), ...navigator.languages].map(known).find(Boolean) ?? "en";
speak(spoken);
dress(Number(memory.get("theme") ?? 0) % THEMES.length || 0);

document.getElementById("lang").addEventListener("click", () => {
  const lang = root.lang === LANGUAGES.en ? "zh" : "en";
  speak(lang);
  memory.set("lang", LANGUAGES[lang]);
});
document.getElementById("theme").addEventListener("click", () => {
  const number = (THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length;
  dress(number);
  memory.set("theme", number);
});

// Kept for when there is no network, as the lab is.
if (navigator.serviceWorker) navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" }).catch(() => {});
