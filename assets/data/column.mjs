/* Values through all slices, which the server sends line by line as it has them. */

/**
 * @typedef {object} ColumnLine Of one slice: the value of a point, or figures of a region; null where there is no value.
 * @property {number} index
 * @property {number | null} [value]
 * @property {number} [n]
 * @property {number | null} [mean]
 * @property {number | null} [sd]
 * @property {number | null} [min]
 * @property {number | null} [max]
 */

/** The lines of an answer, as many at once as have come. What breaks off is an error with one sentence.
 * @param {Response} response @returns {AsyncGenerator<ColumnLine[]>} */
export async function* readColumn(response) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    while (true) {
      const { done, value } = await reader.read();
      const lines = (rest + decoder.decode(value, { stream: !done })).split('\n');
      rest = done ? '' : lines.pop() || '';
      const found = lines.filter(Boolean).map((line) => parse(line));
      if (found.length) yield found;
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** @param {string} line @returns {ColumnLine} */
function parse(line) {
  const found = JSON.parse(line);
  if (found.error) throw new Error(found.error.message);
  return found;
}
