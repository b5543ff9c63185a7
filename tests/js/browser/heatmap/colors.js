(() =>
  Array.from(
    lamella.canvas.lut(lamella.colors.current()).subarray(0, 255),
    (word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 255),
  ));
