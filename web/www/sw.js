// Keeps the page for when there is no network. The build puts its number and the names of its files here.
//
//   network there:  every answer is the network's, so a new version is seen at once
//   none:           the page comes from the cache, and then all of its files do: never half of one build and half of another
//
// A new build is another worker: it fetches all of its files before it takes over, and then the old build's go.
const BUILD = "@build@";
const FILES = ["@files@"];
const CACHE = `mqlab ${BUILD}`;
/** How long a network may keep silent until it counts as none, in milliseconds. */
const PATIENCE = 2_000;

/** The pages that came from the cache. */
const offline = new Set();

self.addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const drop = (name) => name.startsWith("mqlab ") && name !== CACHE && caches.delete(name);
  event.waitUntil(caches.keys().then((names) => Promise.all(names.map(drop))).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request, folder = self.registration.scope;
  if (method !== "GET" || !url.startsWith(folder)) return;
  const file = new URL(url).pathname.slice(new URL(folder).pathname.length) || "./";
  if (!FILES.includes(file)) return;
  event.respondWith(mode === "navigate" ? page(event, file) : part(event, file));
});

const kept = async (file) => (await caches.open(CACHE)).match(file);

async function page(event, file) {
  const copy = await kept(file);
  const late = new Promise((_, reject) => setTimeout(reject, PATIENCE, new Error("the network is silent")));
  try {
    const answer = await (copy ? Promise.race([fetch(event.request), late]) : fetch(event.request));
    if (answer.ok || !copy) return answer;
  } catch (error) {
    if (!copy) throw error;
  }
  offline.add(event.resultingClientId);
  return copy;
}

async function part(event, file) {
  const copy = await kept(file);
  if (copy && offline.has(event.clientId)) return copy;
  const answer = await fetch(event.request).catch((error) => copy ?? Promise.reject(error));
  return answer.ok ? answer : copy ?? answer;
}
