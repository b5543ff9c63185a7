(() => {
  const layer = document.querySelector('#slice-graph .hoverlayer');
  const boxes = ['path', 'text'].map((name) => layer.querySelector(name)).filter(Boolean);
  return boxes.map((node) => {
    const { left, right, top, bottom } = node.getBoundingClientRect();
    return [left, right, top, bottom];
  });
});
