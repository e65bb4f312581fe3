// A canvas and a loop: so many discs, each on its way along a line, drawn as anybody would draw them.
(width, height, count) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  document.body.replaceChildren(canvas);
  const context = canvas.getContext("2d");
  const hues = ["#2b83b5", "#a87000", "#b05a8b", "#00835f", "#8f8400", "#737b86"];
  const discs = Array.from({ length: count }, (_, number) => ({
    from: [120, ((number % 10) + 0.5) * (height / 10)],
    to: [190, ((number % 12) + 0.5) * (height / 12)],
    part: (number * 0.61803) % 1,
    hue: hues[number % hues.length],
  }));
  const draw = () => {
    context.clearRect(0, 0, width, height);
    for (const disc of discs) {
      disc.part = (disc.part + 0.006) % 1;
      const x = disc.from[0] + (disc.to[0] - disc.from[0]) * disc.part;
      const y = disc.from[1] + (disc.to[1] - disc.from[1]) * disc.part;
      context.beginPath();
      context.arc(x, y, 3, 0, 2 * Math.PI);
      context.fillStyle = disc.hue;
      context.fill();
    }
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
}
