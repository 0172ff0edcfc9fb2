// Elements are made here and nowhere else: text is always a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an HTML element. A property that is a function is a listener (`onclick`), `value`,
 * `checked` and `disabled` are set as they are, all else is an attribute; null and false are left out. */
export function h(name, properties, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** Return an SVG element, as `h` does. */
export function s(name, properties, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

/** Return what came from outside (a filing, a file, the service) as an element of its own, so that
 * writing direction stays inside and control characters show. */
export function data(value, properties = {}) {
  return h("bdi", properties, visible(String(value)));
}

// controls but for tab and line feed, directional, zero-width and other invisible characters, line and
// paragraph separators, and halves of a pair: a reader must see them
const HIDDEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const AROUND_HIDDEN = new RegExp(`(${HIDDEN.source})`, "u");

/** Return text as nodes in which hidden characters carry their code point as a label. */
export function visible(text) {
  if (!HIDDEN.test(text)) return [text];
  return text.split(AROUND_HIDDEN).map((part, n) =>
    n % 2 // what the text was split at
      ? h("span", { class: "hidden-char", "data-code": codePoint(part) }, part)
      : part,
  );
}

/** Replace all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

function codePoint(char) {
  return `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function filled(element, properties, children) {
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}
