((index) => {
  const frame = document.getElementById('plot-frame');
  const slider = document.querySelector('#slice-slider [role=slider]');
  return frame && frame.getAttribute('aria-busy') === 'false' && slider.getAttribute('aria-valuenow') === String(index);
});
