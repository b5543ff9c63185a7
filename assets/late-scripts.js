/* Begins Dash's scripts, which wait in a template: when the picture that the address asks for is on the screen, or comes
   to nothing, and at the latest after some time. They would have the link and the processor first otherwise. */
(async () => {
  'use strict';

  const LONGEST_MS = 1000;

  const { early } = document.currentScript.dataset;
  const { content } = document.getElementById('late-scripts');
  const picture = import(early).then((loaded) => loaded.early.done).catch(() => undefined);
  await Promise.race([picture, new Promise((resolve) => setTimeout(resolve, LONGEST_MS))]);
  let before = Promise.resolve();
  for (const waiting of Array.from(content.children)) {
    const node = document.createElement(waiting.localName);
    for (const { name, value } of Array.from(waiting.attributes)) node.setAttribute(name, value);
    node.textContent = waiting.textContent;
    // In their order; what is inline would be run at once.
    node.async = false;
    if (node.src) {
      before = new Promise((resolve) => {
        node.addEventListener('load', resolve, { once: true });
        node.addEventListener('error', resolve, { once: true });
      });
      document.body.append(node);
    } else if (node.localName === 'script') before.then(() => document.body.append(node));
    else document.body.append(node);
  }
})();
