/* Calls the given function with arguments as JSON; its result as JSON. */
(async (given) => JSON.stringify((await GIVEN(...JSON.parse(given))) ?? null));
