// What the pages remember of a visitor, by the same names. Storage may be refused: then nothing is remembered, and whoever wants
// to say so is told.
export const remembered = (refused = () => {}) => ({
  get(key) { try { return localStorage.getItem(`mqlab.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`mqlab.${key}`, value); } catch { refused(); } },
});
