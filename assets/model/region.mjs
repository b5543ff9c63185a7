/* The part of a dataset that is on the screen, as a selection, and as code that reads it. */

import { channelDimension } from './kinds.mjs';
import { projectionOf, projectionQuery, slabOf } from './projection.mjs';
import { selectionOf, voxelsIn } from './viewport.mjs';
/** @import { ValueMeaning } from './meaning.mjs' */
/** @import { View } from './view.mjs' */
/** @import { Span } from './viewport.mjs' */

/**
 * @typedef {{lo: number, hi: number}} Bounds The window that is in force.
 * @typedef {'h5py' | 'client' | 'curl'} Language
 * @typedef {{address: string, bounds: Bounds | null, signsIn: boolean}} CodeOptions `address` is the server's with its
 *   prefix, `signsIn` whether it asks for sign-in.
 */

/** @type {Record<string, string>} */
const REDUCTIONS_IN_NUMPY = { mean: 'mean', max: 'max', min: 'min', sum: 'sum', sd: 'std' };
const PARTS_IN_NUMPY = { abs: 'np.abs', phase: 'np.angle', real: 'np.real', imag: 'np.imag' };

/** Rows and columns of the voxels in view. @param {View} view @returns {[rows: Span, cols: Span]} */
export function spansOf(view) {
  return [voxelsIn(view.y, view.shape[view.rows]), voxelsIn(view.x, view.shape[view.cols])];
}

/** The selection of the voxels in view; with `slices`, of a range of slices across the axis, with `colors` of all colours.
 * @param {View} view @param {Span} [slices] @param {boolean} [colors] @returns {string} */
export function regionOf(view, slices, colors = false) {
  const [rows, cols] = spansOf(view);
  /** @param {Span} span @param {number} d */
  const part = (span, d) => (span[1] - span[0] === view.shape[d] ? null : span);
  const viewport = { rows: part(rows, view.rows), cols: part(cols, view.cols), rowStep: 1, colStep: 1 };
  const items = selectionOf(view, viewport).split(',');
  if (slices && view.axis !== null) items[view.axis] = slices.join(':');
  const channels = channelDimension(view);
  if (colors && channels !== null) items[channels] = ':';
  return items.join(',');
}

/** Bytes of the values of a region. @param {View} view @param {Span} [slices] @returns {number} */
export function bytesOf(view, slices) {
  const bits = /\d+$/.exec((view.decode && view.meaning?.value.decoded_dtype) || view.dtype);
  const voxels = spansOf(view).reduce((product, [from, to]) => product * (to - from), 1);
  const channels = channelDimension(view);
  return voxels * (channels === null ? 1 : view.shape[channels]) * (slices ? slices[1] - slices[0] : 1) *
    (bits ? Number(bits[0]) / 8 : 1);
}

/** Code that reads what is on the screen. @param {Language} language @param {View} view @param {CodeOptions} options
 * @returns {string} */
export function codeOf(language, view, options) {
  if (language === 'curl') return curlCode(view, options);
  return language === 'h5py' ? h5pyCode(view, options) : clientCode(view, options);
}

/** Python has the escapes of JSON. @param {string} text */
const quoted = (text) => JSON.stringify(text);

/** @param {string} text */
const shellQuoted = (text) => "'" + text.replace(/'/g, "'\\''") + "'";

/** How the values are mapped to colours. @param {View} view @param {Bounds | null} bounds */
function shownAs(view, bounds) {
  const ends = bounds ? bounds.lo + ' to ' + bounds.hi : String(view.window);
  const centre = view.centre === null ? '' : ' centred at ' + view.centre;
  return 'window ' + ends + ', norm ' + view.norm + ', colours ' + view.colorscale + (view.reverse ? '_r' : '') +
    centre;
}

/** The server's file is known by its name alone. @param {View} view @param {CodeOptions} options */
function h5pyCode(view, { bounds }) {
  const read = readCode(view);
  const modules = [
    ...(view.part ? ['numpy as np'] : []),
    ...(/rfn\./.test(read) ? ['numpy.lib.recfunctions as rfn'] : []),
  ];
  return [
    'import h5py',
    ...modules.map((name) => 'import ' + name),
    '',
    'path = ' + quoted(view.file.split('/').pop() || view.file) + '  # on the server: ' + view.file,
    'with h5py.File(path) as file:',
    '    values = ' + read,
    ...complexCode(view),
    ...(view.decode && view.meaning ? unpackingCode(view.meaning.value, view.dtype) : []),
    ...projectionCode(view),
    '# shown with ' + shownAs(view, bounds),
    ...(view.rows > view.cols ? ['# and transposed: values.T'] : []),
    '',
  ].join('\n');
}

/** What h5py reads. To it the dimensions of elements are part of the type: they are chosen from what was read.
 * @param {View} view */
function readCode(view) {
  const { dataset, element } = view;
  const fields = /^\{(.*)\}/.exec(element || '');
  const inner = fields ? 1 : /\[(.*)\]$/.exec(element || '')?.[1].split('×').length || 0;
  const items = regionOf(view, slabOf(view) || undefined, true).split(',');
  const own = 'file[' + quoted(dataset) + '][' + items.slice(0, items.length - inner).join(', ') + ']';
  if (!inner) return own;
  const numbers = fields
    ? 'rfn.structured_to_unstructured(' + own + '[' + JSON.stringify(fields[1].split(', ')) + '])'
    : own;
  return numbers + '[..., ' + items.slice(-inner).join(', ') + ']';
}

/** The slab reduced to one slice. @param {View} view */
function projectionCode(view) {
  const chosen = projectionOf(view);
  if (!chosen || view.axis === null) return [];
  const { axis, rows, cols } = view;
  const dimension = [rows, cols].filter((d) => d < axis).length;
  return ['    values = values.' + REDUCTIONS_IN_NUMPY[chosen.reduction] + '(axis=' + dimension + ')'];
}

/** A part of complex values; h5py has those of some programs as pairs. @param {View} view */
function complexCode({ part }) {
  if (!part) return [];
  return [
    '    if values.dtype.names:',
    '        values = values[values.dtype.names[0]] + 1j * values[values.dtype.names[1]]',
    '    values = ' + PARTS_IN_NUMPY[part] + '(values)',
  ];
}

/** @param {ValueMeaning} value @param {string} dtype @returns {string[]} */
function unpackingCode({ scale, offset, unit, unsigned }, dtype) {
  const other = dtype.startsWith('u') ? dtype.slice(1) : 'u' + dtype;
  const signed = unsigned ? ['    values = values.astype("' + dtype + '").view("' + other + '")'] : [];
  if (scale === 1 && offset === 0) return signed;
  const shift = offset ? (offset < 0 ? ' - ' : ' + ') + Math.abs(offset) : '';
  return [
    ...signed,
    '    values = values * ' + scale + shift + '  # ' + (unit || 'unpacked') + '; missing values aside',
  ];
}

/** @param {View} view @param {CodeOptions} options */
function clientCode(view, { address, bounds, signsIn }) {
  const window_ = bounds ? '(' + bounds.lo + ', ' + bounds.hi + ')' : quoted(String(view.window));
  const { project, axis } = projectionQuery(view);
  const projection = project ? ', project=' + quoted(project) + (axis === undefined ? '' : ', axis=' + axis) : '';
  const isColor = channelDimension(view) !== null;
  const part = (view.part ? ', part=' + quoted(view.part) : '') + (view.decode ? ', decode=True' : '') + projection;
  return [
    'from dashboard.client import Client',
    '',
    'with Client(' + quoted(address) + (signsIn ? ', token="…"' : '') + ') as client:',
    '    of = ' + [view.file, view.dataset, regionOf(view, undefined, isColor)].map(quoted).join(', '),
    '    values = client.' + (isColor ? 'cutout' : 'slice') + '(*of' + part + ')',
    ...(isColor
      ? []
      : ['    shown = client.scaled(*of, window=' + window_ + ', norm=' + quoted(view.norm) + part + ')']),
    '',
  ].join('\n');
}

/** Of complex values, a part is what a slice has. @param {View} view @param {CodeOptions} options */
function curlCode(view, { address, signsIn }) {
  const query = [['file', view.file], ['dataset', view.dataset]];
  const projection = projectionQuery(view);
  const isSlice = view.part || projection.project;
  query.push(['selection', regionOf(view, undefined, !isSlice)], ['format', 'npy']);
  if (view.part) query.push(['part', view.part]);
  if (view.decode) query.push(['decode', '1']);
  for (const [name, value] of Object.entries(projection)) query.push([name, String(value)]);
  return [
    'curl --fail --get ' + shellQuoted(address + '/api/v1/' + (isSlice ? 'slice' : 'export')),
    ...(signsIn ? ['  --header "Authorization: Bearer $LAMELLA_TOKEN"'] : []),
    ...query.map(([name, value]) => '  --data-urlencode ' + shellQuoted(name + '=' + value)),
    '  --output slice.npy',
  ].join(' \\\n') + '\n';
}
