/* Codes of a byte each, which the canvas paints by a table of colours. */

// NaN, and the fill value.
export const MISSING_CODE = 255;
