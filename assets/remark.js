/* A sentence about a slice whose picture shows nothing by itself: it has no values, or one value alone. */
(function (lamella) {
  'use strict';

  const isPooled = (cells) => cells.step > 1 && cells.meta.pool !== 'nearest';

  /* The only value of the cells as text; empty where there are several, or none. */
  function single(cells) {
    if (cells.min !== cells.max || hasInfinite(cells)) return '';
    const { integers } = cells;
    const first = cells.z.findIndex((row) => row.includes(cells.min));
    const at = [first, cells.z[first].indexOf(cells.min)];
    // Integers of 64 bits may differ where the doubles of the picture do not.
    const only = integers && integers[at[0] * cells.cols + at[1]];
    if (integers && integers.some((v) => v !== only && Number(v) !== cells.fill)) return '';
    return lamella.readout.digits(cells, at[0], at[1]);
  }

  function hasInfinite(cells) {
    return cells.z.some((row) => row.includes(Infinity) || row.includes(-Infinity));
  }

  function hasFill(cells) {
    return cells.z.some((row) => row.includes(cells.fill)) && !Number.isNaN(cells.fill);
  }

  function isPart(wanted) {
    return Boolean(wanted.port.rows || wanted.port.cols);
  }

  function sentence(wanted, cells, look) {
    const what = isPart(wanted) ? 'This part of the slice' : 'This slice';
    if (!Number.isFinite(cells.min)) {
      if (hasInfinite(cells)) return what + ' has no finite values.';
      return what + ' has no values (all ' + (hasFill(cells) ? 'fill value' : 'NaN') + ').';
    }
    const only = single(cells);
    if (only && isPooled(cells)) {
      return 'All cells are ' + only + ' (' + cells.meta.pool + ' of ' + cells.colStep + ' × ' + cells.rowStep + ' voxels).';
    }
    if (only) return 'All values ' + (cells.step > 1 ? 'shown ' : isPart(wanted) ? 'of this part ' : '') + 'are ' + only + '.';
    if (cells.integers && cells.min === cells.max) return 'The values differ by less than colours can show.';
    if (look.norm === 'log' && cells.max <= 0) return what + ' has no values above zero, where the log norm begins.';
    if (look.norm === 'sqrt' && cells.max < 0) return what + ' has no values from zero up, where the sqrt norm begins.';
    return '';
  }

  function say(text) {
    lamella.controls.text('slice-remark', text);
    lamella.controls.show('slice-remark', Boolean(text));
  }

  lamella.remark = {
    single: single,
    show: (wanted, cells, look) => say(sentence(wanted, cells, look)),
    clear: () => say(''),
  };
})((window.lamella = window.lamella || {}));
