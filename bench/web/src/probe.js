// Put before the page's own scripts: its frames come when they are asked for, one after the other as on a screen of
// 60 Hz, and each is timed. The page does not know.
(() => {
  const ask = requestAnimationFrame.bind(globalThis);
  const probe = { next: null, left: 0, now: 0, own: [], whole: [], memory: null, done: null, loose: false };
  const wake = new MessageChannel();
  // What is posted in a frame comes when the frame is over: style, layout, painting, and the canvas's own work.
  wake.port1.onmessage = ({ data }) => {
    probe.whole.push(performance.now() - data);
    if (probe.left === 0) probe.done?.();
    else ask(frame);
  };
  function frame() {
    const draw = probe.next;
    probe.next = null;
    const start = performance.now();
    probe.now += 1000 / 60;
    draw(probe.now);
    probe.own.push(performance.now() - start);
    probe.left -= 1;
    wake.port2.postMessage(start);
  }
  globalThis.requestAnimationFrame = (draw) => {
    if (probe.loose) return ask(draw);
    if (probe.next) return ask(draw); // somebody else's: the page has one of its own at a time
    probe.next = draw;
    return 0;
  };
  // So many frames of the page; how long its own function took in each, and how long the whole frame did.
  probe.frames = (count) => new Promise((resolve) => {
    Object.assign(probe, { left: count, own: [], whole: [] });
    probe.done = () => resolve({ own: probe.own, whole: probe.whole });
    ask(frame);
  });
  // So many frames without waiting for a screen, each so many milliseconds after the one before.
  probe.rush = (count, apart) => {
    for (let number = 0; number < count; number += 1) {
      const draw = probe.next;
      probe.next = null;
      probe.now += apart;
      draw(probe.now);
    }
  };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const made = WebAssembly[name];
    WebAssembly[name] = async (...all) => {
      const answer = await made.apply(WebAssembly, all);
      probe.memory = (answer.instance ?? answer).exports.memory;
      return answer;
    };
  }
  globalThis.probe = probe;
})();
