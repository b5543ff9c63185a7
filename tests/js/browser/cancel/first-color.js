(() => document.querySelector('#slice-graph .js-plotly-plot').data[0].colorscale[0][1] === 'rgb(255,255,255)');
