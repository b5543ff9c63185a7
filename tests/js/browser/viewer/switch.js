((link) => {
  history.pushState(null, '', '/' + link);
  dispatchEvent(new PopStateEvent('popstate'));
});
