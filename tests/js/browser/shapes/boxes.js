(() =>
  Array.from(document.querySelectorAll('#readout span'), (span) => {
    const { top, right, bottom } = span.getBoundingClientRect();
    return [top, right, bottom, span.getClientRects().length];
  }));
