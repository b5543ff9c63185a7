/* For the Python tests: the dates of numbers on the standard input, [{unit, calendar, values}…]. */

import { createDates } from '../../assets/model/dates.mjs';

const asked = await new Response(Deno.stdin.readable).json();
console.log(JSON.stringify(asked.map(({ unit, calendar, values }) => {
  const dates = createDates(unit, calendar);
  return dates && values.map((value) => dates.text(value));
})));
