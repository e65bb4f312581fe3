// Hands what the mouse, the wheel and fingers do over the stage to the engine's side, which knows a drag and a pinch from a
// click, and what lies under them.

const $ = (id) => document.getElementById(id);

export function listenToHands(lab) {
  const box = $("stage-box");
  const spot = (event) => {
    const area = $("stage").getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  // Fingers and the mouse go to the engine's side, which knows a drag and a pinch from a click.
  const onStage = (event) => !event.target.closest("#menu, #nodes");
  box.addEventListener("pointerdown", (event) => { if (onStage(event)) lab.pointer_down(event.pointerId, ...spot(event)); });
  box.addEventListener("pointermove", (event) => {
    if (event.buttons && lab.pointer_move(event.pointerId, ...spot(event))) {
      if (!box.hasPointerCapture(event.pointerId)) box.setPointerCapture(event.pointerId);
      return;
    }
    box.classList.toggle("points", lab.hover(...spot(event)));
  });
  for (const over of ["pointerup", "pointercancel"]) box.addEventListener(over, (event) => lab.pointer_up(event.pointerId));
  box.addEventListener("pointerleave", () => lab.leave());
  box.addEventListener("wheel", (event) => {
    if (onStage(event) && lab.wheel(event.deltaX, event.deltaY, ...spot(event), event.ctrlKey)) event.preventDefault();
  }, { passive: false });
  box.addEventListener("contextmenu", (event) => {
    if (!onStage(event)) return;
    event.preventDefault();
    lab.ask(...spot(event));
  });
  box.addEventListener("click", (event) => {
    if (!event.target.closest("button, #menu")) lab.press(...spot(event));
  });
}
