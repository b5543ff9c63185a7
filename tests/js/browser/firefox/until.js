/* Waits until the given function gives something. */
(async (...given) => {
  const holds = GIVEN;
  const end = performance.now() + WITHIN_MS;
  for (;;) {
    const found = holds(...given);
    if (found) return found;
    if (performance.now() > end) throw new Error('in vain: ' + holds);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
});
