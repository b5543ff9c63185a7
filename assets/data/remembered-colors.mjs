/* The colours that datasets were left with in this browser. */

import { COLORSCALES, NORMS } from '../model/colormap.mjs';
import { isDecodable } from '../model/meaning.mjs';
import { coloringOf } from '../model/coloring.mjs';
import { scaleOf } from '../model/projection.mjs';
import { PARTS } from '../model/viewport.mjs';
/** @import { Link } from '../model/address.mjs' */
/** @import { Coloring } from '../model/coloring.mjs' */
/** @import { View } from '../model/view.mjs' */

/**
 * @typedef {Partial<Coloring> & {file: string, dataset: string, dtype: string}} Entry
 * @typedef {ReturnType<typeof createRememberedColors>} RememberedColors
 */

const STORAGE_KEY = 'lamella-colors';
const MOST = 100;

/** `storage` as in recent.mjs. @param {() => Pick<Storage, 'getItem' | 'setItem'>} [storage] */
export function createRememberedColors(storage = () => localStorage) {
  /** The one that was changed last comes first. @returns {Entry[]} */
  function all() {
    try {
      const found = JSON.parse(storage().getItem(STORAGE_KEY) || '[]');
      return found.filter((/** @type {Entry | null} */ one) => one && typeof one === 'object').slice(0, MOST);
    } catch {
      return [];
    }
  }

  /** The user has chosen the colours of a view. Numbers are kept of what a dataset is shown as at first alone.
   * @param {View} view */
  function keep(view) {
    const { file, dataset, dtype, part, decode, meaning, project } = view;
    const { window: ends, centre, ...rest } = coloringOf(view);
    const isFirst = (part === null || part === PARTS[0]) && (decode || !isDecodable(meaning)) && !scaleOf(project);
    const numbers = isFirst ? { window: ends, centre } : typeof ends === 'string' ? { window: ends } : {};
    const others = all().filter((one) => one.file !== file || one.dataset !== dataset);
    try {
      storage().setItem(
        STORAGE_KEY,
        JSON.stringify([{ file, dataset, dtype, ...rest, ...numbers }, ...others].slice(0, MOST)),
      );
    } catch {
      // Without storage nothing is remembered.
    }
  }

  /** The colours of a dataset that a link opens, as far as they still mean something.
   * @param {string} file @param {{dataset: string, dtype: string}} record @param {Pick<Link, 'part' | 'decode' | 'project'>} link
   * @returns {Partial<Coloring>} */
  function of(file, { dataset, dtype }, link) {
    const found = all().find((one) => one.file === file && one.dataset === dataset);
    if (!found) return {};
    const { window: ends, centre, norm, colorscale, reverse, clip } = found;
    const isPlain = (link.part === null || link.part === PARTS[0]) && link.decode !== false;
    const isSame = found.dtype === dtype && isPlain && !scaleOf(link.project || '');
    /** @type {Partial<Coloring>} */
    const colors = {};
    if (ends === 'volume' || ends === 'slice') colors.window = ends;
    if (isSame && Array.isArray(ends) && ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1]) {
      colors.window = ends;
    }
    if (isSame && Number.isFinite(centre)) colors.centre = centre;
    if (NORMS.some((one) => one === norm)) colors.norm = norm;
    if (COLORSCALES.includes(String(colorscale))) Object.assign(colors, { colorscale, reverse: Boolean(reverse) });
    if (typeof clip === 'boolean') colors.clip = clip;
    return colors;
  }

  return { keep, of };
}
