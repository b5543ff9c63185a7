/* The nodes of the histogram: its chart with the track of the handles, what lies beyond them, and what is counted. */

export function histogramNodes() {
  const node = document.createElement('section');
  node.id = 'histogram';
  node.setAttribute('aria-label', 'Histogram and contrast window');
  const track = document.createElement('div');
  track.className = 'track';
  const chart = document.createElement('canvas');
  chart.setAttribute('role', 'img');
  track.append(chart);
  const [above, below] = ['above', 'below'].map((name) => {
    const text = document.createElement('div');
    text.className = 'clipped ' + name;
    return text;
  });
  const caption = document.createElement('button');
  caption.type = 'button';
  caption.className = 'scope';
  node.append(above, track, below, caption);
  return { node, track, chart, above, below, caption };
}
