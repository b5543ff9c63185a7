/* Calls the given function with arguments as JSON; its result as JSON. */
(async (json) => {
  const call = GIVEN;
  return JSON.stringify((await call(...JSON.parse(json))) ?? null);
});
