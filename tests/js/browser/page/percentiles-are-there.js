(() =>
  Array.from(document.querySelectorAll('#pipeline-rows .browser .p50'))
    .some((cell) => /\d/.test(cell.textContent)));
