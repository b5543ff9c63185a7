((index) => Number(document.querySelector('#slice-slider [role=slider]').getAttribute('aria-valuenow')) === index);
