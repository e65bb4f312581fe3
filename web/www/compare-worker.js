// One run of a comparison after the other, away from the page's thread. It decides nothing: the page says which.
import init, { Runner } from "./mqlab_web.js";

let runner;

async function answer({ data }) {
  const { link, module, number } = data;
  try {
    if (link) {
      await init({ module_or_path: module });
      runner = new Runner(link);
      postMessage({ ready: true });
      return;
    }
    const ran = runner.run(number, (share) => postMessage({ number, share }));
    const [outcome, fates, decided] = [ran.outcome(), ran.fates(), ran.decided()];
    ran.free();
    postMessage({ number, outcome, fates, decided }, [fates.buffer, decided.buffer]);
  } catch (error) {
    postMessage({ failed: error?.message ?? String(error), number });
  }
}

self.onmessage = answer;
