(async () => {
  const leaf = async (key, count) => {
    for (let i = 0; i < count; i += 1) {
      document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      if (i % 4 === 0) await new Promise((next) => requestAnimationFrame(next));
    }
  };
  for (let i = 0; i < 2; i += 1) {
    await leaf('ArrowRight', 129);
    await leaf('ArrowLeft', 129);
  }
  return [
    lamella.frames.bytes(),
    // One of each page is kept.
    performance.getEntriesByType('mark').filter(({ name }) => name !== 'slice-early').length,
    performance.getEntriesByType('measure').length,
  ];
});
