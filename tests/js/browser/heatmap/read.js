(async (gd) => {
  const image = gd.querySelector('.heatmaplayer image');
  const place = ['x', 'y', 'width', 'height', 'preserveAspectRatio'].map((name) => image.getAttribute(name));
  const copy = new Image();
  copy.src = image.href.baseVal;
  await copy.decode();
  const canvas = document.createElement('canvas');
  canvas.width = copy.naturalWidth;
  canvas.height = copy.naturalHeight;
  canvas.getContext('2d').drawImage(copy, 0, 0);
  return [[...place, image.style.imageRendering], copy.src.split(':')[0], canvas.toDataURL().split(',')[1]];
});
