/* Codes of a byte each, which the canvas paints by a table of colours. */

export const MAX_CODE = 254;

// NaN, and the fill value.
export const MISSING_CODE = 255;
