/* What was measured of the link: bytes a second, and the time until an answer begins (ms); and of compressing, however
busy the machine is now. */
(([rate, wait]) => {
  for (let i = 0; i < 6; i += 1) {
    lamella.bandwidth.addSample({ bytes: rate / 10, wait, begin: 1000 * i, end: 1000 * i + 100 });
    lamella.bandwidth.addCompressed({ bytes: 1e6, sent: 5e5, ms: 20 });
  }
});
