/* Elements of the page by their ids. */

/** The layout has all ids used: tests/unit/web/test_layout.py. @param {string} id */
export const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} id @param {boolean} on */
export function setVisible(id, on) {
  element(id).classList.toggle('hidden', !on);
}

/** @param {string} id @param {string} value */
export function setText(id, value) {
  const node = element(id);
  if (node && node.textContent !== value) node.textContent = value;
}

/** Replace what is in an element by one span for each [text, class name].
 * @param {string} id @param {[text: string, name: string][]} parts */
export function setParts(id, parts) {
  element(id).replaceChildren(...parts.map(([text, name]) => {
    const span = document.createElement('span');
    span.className = name;
    span.textContent = text;
    return span;
  }));
}

/** The Plotly graph in an element, null until Dash has drawn it empty. Dash loads Plotly after these modules.
 * @param {Element | null} node @returns {Plotly} */
export function readyGraph(node) {
  const gd = /** @type {Plotly} */ (node && node.querySelector('.js-plotly-plot'));
  return gd && gd.on && globalThis.Plotly && !gd.classList.contains('dash-graph--pending') ? gd : null;
}

/** Whether a node is a field that text is typed into. @param {unknown} node @returns {boolean} */
export function isField(node) {
  if (!(node instanceof HTMLElement)) return false;
  if (node.isContentEditable || node.tagName === 'TEXTAREA') return true;
  return node instanceof HTMLInputElement && !node.readOnly &&
    !['radio', 'checkbox', 'button', 'range', 'submit'].includes(node.type);
}
