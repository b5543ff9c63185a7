(() => {
  const wait = window.setTimeout;
  window.setTimeout = (job, ms) => wait(job, ms === 2000 ? 1e8 : ms);
});
