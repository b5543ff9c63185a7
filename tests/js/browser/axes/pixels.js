/* Gray values (0…255) at a grid of places of the picture in an element, read from what it is drawn from as the browser
   draws it: a canvas as it is, an image of SVG with its transform. */
(async (selector) => {
  const node = document.querySelector(selector);
  const grid = Array.from({ length: 9 }, (_, i) => (i + 0.5) / 9);
  const canvas = document.createElement('canvas');
  const frame = document.getElementById('plot-frame').getBoundingClientRect();
  const area = lamella.plot.area();
  Object.assign(canvas, { width: Math.round(area.width), height: Math.round(area.height) });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  if (node instanceof HTMLCanvasElement) {
    context.drawImage(node, 0, 0, canvas.width, canvas.height);
  } else {
    const image = new Image();
    image.src = node.getAttributeNS('http://www.w3.org/1999/xlink', 'href');
    await image.decode();
    // From the image's own box to the window, and from there to the plot area.
    const { a, b, c, d, e, f } = node.getScreenCTM();
    context.setTransform(a, b, c, d, e - frame.left - area.left, f - frame.top - area.top);
    const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(node.getAttribute(name)));
    context.drawImage(image, x, y, width, height);
  }
  return grid.map((v) =>
    grid.map((u) => context.getImageData(Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data[0])
  );
});
