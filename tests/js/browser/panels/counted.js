(() => {
  const counts = Array.from(document.querySelectorAll('#hit-rate-counts b'), (node) => node.textContent);
  return counts.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0);
});
