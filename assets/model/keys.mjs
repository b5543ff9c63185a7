/* All keys and gestures, by group: the help on `?` shows them, the palette beside the actions of the same name, and
   docs/reference/keys.md is written from them. What a key is called by `KeyboardEvent.key` comes last, where ui/input.mjs binds it. */

/** @typedef {readonly [keys: string, text: string, bound?: string]} Key */

/** @type {readonly {title: string, keys: readonly Key[]}[]} */
export const KEYS = [
  {
    title: 'Slices',
    keys: [
      ['←', 'previous slice', 'ArrowLeft'],
      ['→', 'next slice', 'ArrowRight'],
      ['PgUp', 'ten slices back', 'PageUp'],
      ['PgDn', 'ten slices on', 'PageDown'],
      ['Home', 'first slice', 'Home'],
      ['End', 'last slice', 'End'],
      ['Space', 'play and pause', ' '],
      ['wheel over the picture', 'turns slices'],
      [
        'one finger on the picture',
        'turns slices when it moves sideways at full view; pans where the picture is zoomed',
      ],
    ],
  },
  {
    title: 'Picture',
    keys: [
      ['A', 'contrast of what is in view', 'a'],
      ['Ctrl + wheel', 'zooms; the full-view button beside the picture shows the whole slice again'],
      ['two fingers', 'zoom and pan'],
      ['Ctrl + Z', 'undo the last change of the view'],
      ['Ctrl + Shift + Z, Ctrl + Y', 'redo what was undone'],
    ],
  },
  {
    title: 'Three views',
    keys: [
      ['click or tap in a view', 'moves the point; a drag does, too, in the two smaller ones; with a tool it draws'],
      ['Shift + arrows', 'move the point by one voxel, in the view that has the focus'],
      ['←, →, PgUp, PgDn, Home, End, wheel', 'turn the slices of the view that has the focus, or is under the pointer'],
      ['Ctrl + wheel, two fingers, Shift + drag', 'zoom, zoom and pan, pan all views'],
      ['double click', 'shows all'],
    ],
  },
  {
    title: 'Comparison',
    keys: [
      ['drag the line, or ←, →, Home, End while it has the focus', 'moves the swipe'],
      ['keys, wheel and zoom over either picture', 'turn and zoom both'],
    ],
  },
  {
    title: 'Tools',
    keys: [
      ['Z', 'drag to zoom'],
      ['H', 'drag to pan'],
      ['P', 'point'],
      ['L', 'line profile'],
      ['R', 'rectangle'],
      ['E', 'ellipse'],
      ['G', 'polygon'],
      ['M', 'ruler'],
      ['its key again, or a tap on it', 'leaves the tool'],
    ],
  },
  {
    title: 'While a tool is chosen',
    keys: [
      ['drag', 'draws; on a shape moves it, on an end or a corner of the selected one moves that'],
      ['click', 'adds a vertex of a polygon, on the first or the last one closes it'],
      ['Enter', 'places a shape in the middle of what is in view; then holds its ends in turn; closes a polygon'],
      ['arrows, with Shift', 'move the shape or the end that is held by one voxel, by ten'],
      ['N', 'places another one'],
      ['+', 'adds a vertex to a polygon'],
      ['Del', 'removes the selected shape, or the last vertex of a polygon that is not closed'],
      ['Esc', 'gives up what is drawn, then leaves the tool, then what is selected'],
    ],
  },
  {
    title: 'Page',
    keys: [
      ['Ctrl + K', 'command palette: every action and file, datasets of opened files or, if asked for, of all'],
      ['?', 'keys and gestures'],
      ['/', 'filter files and datasets: arrows choose, Enter opens a dataset or leads to a file, Escape ends'],
      ['arrows, Enter in the tree', 'move through files and datasets, and open one'],
      ['Esc', 'cancels the slice that is awaited, restores a field, or closes a message or note'],
    ],
  },
];

/** The keys that do what an action is called; empty without any. @param {string} title */
export function keysOf(title) {
  const name = title.toLowerCase();
  return KEYS.flatMap(({ keys }) => keys).find(([, text]) => text === name)?.[0] ?? '';
}
