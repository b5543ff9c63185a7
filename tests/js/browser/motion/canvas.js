(() => {
  const { width, height, style } = document.getElementById('slice-canvas');
  return [width, height, parseFloat(style.width), parseFloat(style.height)];
});
