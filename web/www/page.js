import init, { version } from "./mqlab_web.js";
await init();
document.getElementById("version").textContent = version();
