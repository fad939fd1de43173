// The words of the page's language, put into the page by the server.

const table = JSON.parse(document.getElementById("words").textContent);

/** The word for `key`, with {name} replaced; the end of the key if a newer guard says something unknown. */
export function t(key, values = {}) {
  const word = table[key] ?? key.split(".").pop().replaceAll("_", " ");
  return word.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The first of several keys that has a word. */
export function firstWord(...keys) {
  return t(keys.find((key) => key in table) ?? keys[keys.length - 1]);
}
