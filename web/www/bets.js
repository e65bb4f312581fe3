// The bet and the goals of a story: radio buttons, and boxes that tick themselves. What is so comes from the engine's side.

const $ = (id) => document.getElementById(id);

// Fills both; `make` makes an element, `keep` remembers a text.
export const betsOf = (make, keep) => ({
  bet({ title, question, choices, state, words, before, proof }) {
    const box = $("bet");
    box.hidden = !question;
    box.dataset.state = state ?? "";
    if (!question) return;
    $("bet-title").textContent = title;
    $("bet-question").textContent = question;
    const may = state === "open" || state === "placed";
    const focused = document.activeElement?.closest?.("#bet-choices input")?.value;
    $("bet-choices").replaceChildren(...choices.map(({ text, chosen, right }, place) => {
      const input = make("input", { type: "radio", name: "bet", value: place });
      Object.assign(input, { checked: chosen, disabled: !may });
      return make("label", { "data-right": right && "1", "data-chosen": chosen && "1" }, input, make("span", {}, text));
    }));
    if (focused !== undefined) $("bet-choices").querySelector(`[value="${focused}"]`)?.focus();
    $("bet-words").textContent = words;
    $("bet-before").hidden = state !== "late";
    $("bet-before").textContent = before;
    $("bet-proof").hidden = !proof;
    if (!proof) return;
    const { label, at, time, text, message } = proof;
    $("bet-see").replaceChildren(label, " ", make("b", {}, time));
    $("bet-see").dataset.value = at;
    $("bet-see").dataset.message = message ?? "";
    $("bet-fact").textContent = text;
  },
  goals({ title, goals, kept }) {
    $("goals").hidden = goals.length === 0;
    $("goals-title").textContent = title;
    $("goals-list").replaceChildren(...goals.map(({ name, text, done }) =>
      make("li", { "data-goal": name, "data-done": done && "1" },
        make("span", { class: "tick", role: "img", "aria-label": done ? "✓" : "☐" }), make("span", {}, text))));
    if (kept) keep(kept);
  },
});

// A choice is a bet; the proof leads to its moment, and tells the life of its message.
export function listenToBets(act) {
  $("bet-choices").addEventListener("change", (event) => act("bet", event.target.value));
  $("bet-see").addEventListener("click", ({ currentTarget }) => {
    if (currentTarget.dataset.message) act("message", currentTarget.dataset.message);
  });
}
