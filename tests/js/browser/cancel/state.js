(() => {
  const view = lamella.viewer.current();
  const chosen = document.querySelector('#axis-select input:checked');
  const slider = document.querySelector('#slice-slider [role=slider]');
  const marked = document.querySelector('#dataset-tree [aria-selected=true]');
  return {
    file: view.file,
    dataset: view.dataset,
    axis: view.axis,
    position: view.position.slice(),
    x: view.x && view.x.map(Math.round),
    y: view.y && view.y.map(Math.round),
    pool: view.pool,
    axisControl: chosen && chosen.value,
    slider: slider.getAttribute('aria-valuenow'),
    field: document.getElementById('index-input').value,
    last: document.getElementById('index-last').textContent,
    poolControl: document.getElementById('pool-select').value,
    crumb: document.getElementById('crumb').textContent,
    marked: marked && marked.textContent,
    title: document.title,
    address: decodeURIComponent(location.search),
    range: lamella.plot.area().x.map(Math.round),
  };
});
