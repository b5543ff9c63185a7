(() => document.getElementById('plot-frame').classList.contains('busy'));
