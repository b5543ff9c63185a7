/* A view that has been moved stays as it is painted. */
(() => {
  lamella.config.restDelay = 1e6;
});
