/* The picture before the page is there: on a canvas of its own in a frame that has the page's styles, and so its sizes. It
   moves into the page's own frame, and stays until Plotly has drawn the same there. */

import { channelDimension } from '../model/kinds.mjs';
import { createCanvas } from './canvas.mjs';
import { areaOf } from './plot-layout.mjs';
import { axesOf } from './values-request.mjs';
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { CodedCells } from './canvas.mjs' */

/** @typedef {ReturnType<typeof createEarlyPicture>} EarlyPicture */

export function createEarlyPicture() {
  /** The frame that the picture is in. @type {HTMLElement | null} */
  let frame = null;
  /** What stands for the page. @type {HTMLElement | null} */
  let page = null;
  /** @type {HTMLCanvasElement | null} */
  let surface = null;
  /** @type {View | null} */
  let shown = null;
  /** @type {ResizeObserver | null} */
  let observer = null;
  const canvas = createCanvas({ area });

  function area() {
    if (!frame || !shown) return null;
    const { shape, rows, cols, x, y } = shown;
    const size = { width: frame.clientWidth, height: frame.clientHeight };
    return areaOf({ ...axesOf(shown), shape: [shape[rows], shape[cols]], x, y }, size);
  }

  /** Lay out what stands for the page around a view; resolves when its styles are there. @param {View} view */
  async function open(view) {
    shown = view;
    applyTheme();
    frame = div('plot-frame');
    const { axis, rows, cols, shape, kind } = view;
    const onScreen = [axis, rows, cols, channelDimension(view)];
    const others = shape.filter((_, d) => !onScreen.includes(d)).map(() => div('dimension'));
    page = div(
      'early',
      div('header', div('brand', div('mark'), text('name', 'Lamella'))),
      div('early-navbar'),
      div(
        'workbench',
        div(
          'viewer',
          div('stage', div('tools'), frame),
          div('readout'),
          div('transport'),
          div('dimensions', ...others),
          div(kind === 'values' ? 'histogram-beside' : 'histogram-beside hidden'),
        ),
        div('dock'),
      ),
    );
    page.ariaHidden = 'true';
    await styled();
    document.body.append(page);
  }

  /* The frame, as render/display.mjs wants to know it. */
  function screen() {
    const { clientWidth: width, clientHeight: height } = /** @type {HTMLElement} */ (frame);
    return { width, height, density: globalThis.devicePixelRatio || 1 };
  }

  /** Paint it; says how long that took (ms). @param {CodedCells} cells @param {ColorMapping} mapping */
  function paint(cells, mapping) {
    surface = document.createElement('canvas');
    surface.className = 'early-canvas';
    canvas.start(surface);
    const spent = canvas.paint(cells, mapping);
    /** @type {HTMLElement} */ (frame).append(surface);
    return spent;
  }

  /** Move into the page, which is there now. @param {HTMLElement} into */
  function enter(into) {
    if (!page) return;
    frame = into;
    if (surface) into.append(surface);
    // A note above the picture makes the frame smaller.
    observer = new ResizeObserver(() => canvas.draw(area()));
    observer.observe(into);
    page.remove();
    page = null;
  }

  /* The page has drawn the picture itself, or there is none. */
  function leave() {
    if (observer) observer.disconnect();
    if (page) page.remove();
    if (surface) surface.remove();
    [observer, page, surface, frame] = [null, null, null, null];
    canvas.clear();
  }

  return { open, screen, paint, enter, leave };
}

/** @param {string} className @param {...Node} nodes */
function div(className, ...nodes) {
  const node = document.createElement('div');
  node.className = className;
  node.append(...nodes);
  return node;
}

/** @param {string} className @param {string} words */
function text(className, words) {
  return div(className, document.createTextNode(words));
}

/* Mantine would set it as soon as it is there. */
function applyTheme() {
  const chosen = stored('mantine-color-scheme-value');
  const isDark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.mantineColorScheme = isDark ? 'dark' : 'light';
  document.documentElement.classList.toggle('panels-folded', stored('lamella-panels') === 'folded');
}

/** @param {string} key */
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/* Sizes are those of the style sheets. */
function styled() {
  const links = /** @type {HTMLLinkElement[]} */ (Array.from(document.querySelectorAll('link[rel=stylesheet]')));
  return Promise.all(
    links.filter(({ sheet }) => !sheet).map((link) =>
      new Promise((resolve) => {
        link.addEventListener('load', resolve, { once: true });
        link.addEventListener('error', resolve, { once: true });
      })
    ),
  );
}
