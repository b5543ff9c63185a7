/* What was measured, in one line below the picture where the dock is none beside it: a tap opens the sheet with all of it. */

import { element } from '../../render/dom.mjs';

/** `open()` shows all that is measured. @param {{open: () => void}} parts */
export function createBrief({ open }) {
  const node = element('measured-brief');
  const [name, figures] = ['brief-name', 'brief-figures'].map((className) => {
    const part = document.createElement('span');
    part.className = className;
    return part;
  });
  node.replaceChildren(name, figures);
  node.addEventListener('click', open);

  /** @param {{name: string, text: string} | null} line Null where no tool is chosen and no shape is on the screen. */
  function show(line) {
    node.classList.toggle('hidden', !line);
    if (!line) return;
    if (name.textContent !== line.name) name.textContent = line.name;
    if (figures.textContent !== line.text) figures.textContent = line.text;
  }

  return { show };
}
