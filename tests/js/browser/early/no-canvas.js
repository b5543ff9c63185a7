/* The first canvas that is made has no context. */
(() => {
  const { createElement } = document;
  let spoiled = false;
  document.createElement = function (name, ...more) {
    const made = createElement.call(this, name, ...more);
    if (name === 'canvas' && !spoiled) {
      spoiled = true;
      made.getContext = () => null;
    }
    return made;
  };
})();
