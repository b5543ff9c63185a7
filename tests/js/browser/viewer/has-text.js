/* Whether an element has this text in it; the empty text stands for none at all. */
(([id, text]) => {
  const node = document.getElementById(id);
  return node !== null && (text ? node.textContent.includes(text) : node.textContent === '');
});
