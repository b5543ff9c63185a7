/* Rows of curves, tables, text and single values. */

/** @import { RowWindow } from '../model/curve.mjs' */
/** @import { Api } from './api.mjs' */

/** @typedef {ReturnType<typeof createRows>} Rows */

/** @param {Pick<Api, 'json' | 'listing' | 'url'>} api */
export function createRows(api) {
  return {
    /** @param {string} file @param {string} dataset @param {number} start @param {number} stop @param {string} [columns]
     * @returns {Promise<RowWindow>} */
    read: (file, dataset, start, stop, columns) =>
      api.json('/api/v1/rows', { file, dataset, start, stop, columns: columns || null }),
    /** The version that a dataset has now. @param {string} file @param {string} dataset @returns {Promise<string | null>} */
    version: async (file, dataset) => (await api.listing(file, dataset)).version,
    /** Where all rows are as CSV. @param {string} file @param {string} dataset */
    csv: (file, dataset) => api.url('/api/v1/rows', { file, dataset, format: 'csv' }),
  };
}
