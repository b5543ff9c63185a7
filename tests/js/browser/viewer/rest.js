(() => {
  lamella.config.restDelay = 250;
  lamella.picture.scheduleHeatmap(0);
});
