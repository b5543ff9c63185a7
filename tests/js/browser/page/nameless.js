(() =>
  Array.from(document.querySelectorAll('button, input:not([type=hidden]), [role=slider]'))
    .filter((node) => node.offsetParent !== null && node.tabIndex >= 0)
    .filter((node) =>
      !(node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') ||
        (node.labels && node.labels.length) || node.textContent.trim())
    )
    .map((node) => node.outerHTML.slice(0, 120)));
