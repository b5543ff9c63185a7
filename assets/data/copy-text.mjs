/* Texts for other programs. Browsers have an interface of its own for that only where a page comes over HTTPS; what is
   selected may be copied everywhere, while a click is handled. */

/** Whether a text was copied. @param {string} text @returns {boolean} */
export function copyText(text) {
  const before = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.className = 'visually-hidden';
  // The class collapses blanks, and so would what is copied: code would lose its indentation.
  area.style.whiteSpace = 'pre';
  document.body.append(area);
  area.select();
  try {
    return document.execCommand('copy');
  } finally {
    area.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  }
}
