// Hands files and links to the browser, and files to the engine's side. It decides nothing.
const $ = (id) => document.getElementById(id);

export function share(lab) {
  const panel = $("share"), items = [...$("share-menu").children];

  // ---- the menu: arrows walk, Escape leaves ----------------------------------------------------------------------
  const open = (shown) => {
    panel.hidden = !shown;
    $("share-open").setAttribute("aria-expanded", shown);
    say("");
    if (shown) items[0].focus();
  };
  const close = () => { open(false); $("share-open").focus(); };
  const say = (what) => {
    for (const words of $("share-said").children) words.hidden = words.dataset.said !== what;
    $("link").hidden = what !== "link-refused";
  };
  $("share-open").addEventListener("click", () => open(panel.hidden));
  $("share-open").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { open(true); event.preventDefault(); event.stopPropagation(); }
  });
  panel.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the keys of the run are not meant here
    const here = items.indexOf(document.activeElement), last = items.length - 1;
    const to = { ArrowDown: here === last ? 0 : here + 1, ArrowUp: here > 0 ? here - 1 : last, Home: 0, End: last }[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined && event.target !== $("link")) items[to].focus();
    else return;
    event.preventDefault();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!panel.hidden && !event.target.closest("#share, #share-open")) open(false);
  });
  panel.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !event.relatedTarget.closest("#share, #share-open")) open(false);
  });

  // ---- out -------------------------------------------------------------------------------------------------------
  $("copy-link").addEventListener("click", async () => {
    const query = lab.link();
    if (!query) return say("link-none");
    const link = new URL(query, location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      say("link-copied");
    } catch {
      $("link").value = link;
      say("link-refused");
      $("link").focus();
      $("link").select();
    }
  });
  const hand = (name, blob) => {
    const anchor = document.createElement("a");
    anchor.download = name;
    anchor.href = URL.createObjectURL(blob);
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
  };
  for (const [id, what] of [["keep-svg", "picture"], ["keep-scenario", "scenario"], ["keep-events", "events"]]) {
    $(id).addEventListener("click", () => {
      const [name, kind, text] = lab.keep(what);
      if (name) hand(name, new Blob([text], { type: kind }));
    });
  }
  $("keep-png").addEventListener("click", () => {
    const canvas = document.createElement("canvas"), name = lab.paint(canvas);
    if (name) canvas.toBlob((blob) => hand(name, blob), "image/png");
  });

  // ---- in --------------------------------------------------------------------------------------------------------
  const bring = async (file) => {
    if (!file) return;
    // No more is read than could be a scenario: the engine's side hears how large the file is.
    const bytes = await file.slice(0, lab.file_max()).arrayBuffer().catch(() => new ArrayBuffer(0));
    lab.open_file(file.name, file.size, new Uint8Array(bytes));
  };
  $("open-file").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    close();
    await bring($("file").files[0]);
    $("file").value = ""; // the same file may be chosen again, after it was mended
  });
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").hidden = true; });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    $("drop").hidden = true;
    bring(event.dataTransfer.files[0]);
  });
}
