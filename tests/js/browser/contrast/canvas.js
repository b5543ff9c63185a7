/* The red of the canvas in the middle of voxels, [column, row] each. */
((voxels) => {
  const canvas = document.getElementById('slice-canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const box = lamella.plot.area();
  return voxels.map(([col, row]) => {
    const x = (col - box.x[0]) / (box.x[1] - box.x[0]) * canvas.width;
    const y = (row - box.y[0]) / (box.y[1] - box.y[0]) * canvas.height;
    return data[4 * (Math.floor(y) * canvas.width + Math.floor(x))];
  });
});
