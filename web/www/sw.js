// Keeps the page for when there is no network. The build puts its number and the names of its files here.
//
//   network there:  every answer is the network's, so a new version is seen at once
//   none:           every answer is the cache's, which holds one whole build
//
// A new build is another worker: it fetches all of its files before it takes over, and then the old build's go.
const BUILD = "@build@";
const FILES = ["@files@"];
const CACHE = `mqlab ${BUILD}`;

self.addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const drop = (name) => name.startsWith("mqlab ") && name !== CACHE && caches.delete(name);
  event.waitUntil(caches.keys().then((names) => Promise.all(names.map(drop))).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request, folder = self.registration.scope;
  if (method !== "GET" || !url.startsWith(folder)) return;
  const file = new URL(url).pathname.slice(new URL(folder).pathname.length) || "./";
  if (!FILES.includes(file)) return;
  const kept = () => caches.open(CACHE).then((cache) => cache.match(file));
  event.respondWith(fetch(event.request).then(
    async (answer) => (answer.ok ? answer : (await kept()) ?? answer),
    async (error) => (await kept()) ?? Promise.reject(error),
  ));
});
