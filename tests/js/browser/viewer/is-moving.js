(() => document.getElementById('plot-frame').classList.contains('moving'));
