((selector, nth) => {
  const box = document.querySelectorAll(selector)[nth].getBoundingClientRect();
  return [Math.round(box.left + box.width / 2), Math.round(box.top + box.height / 2)];
});
