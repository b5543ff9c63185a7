/* Two keys lead to a slice and back; in the first frame that shows the canvas done with `index`, the link is opened.
   False where the heatmap was drawn before. */
(([link, index]) =>
  new Promise((resolve) => {
    const view = () => lamella.viewer.current();
    const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    let moved = false;
    const poll = () => {
      const { covered } = lamella.machine.state();
      moved ||= covered;
      if (covered && lamella.scrubber.isDone() && view().position[view().axis] === index) {
        history.pushState(null, '', '/' + link);
        dispatchEvent(new PopStateEvent('popstate'));
        resolve(true);
      } else if (moved && !covered) resolve(false);
      else requestAnimationFrame(poll);
    };
    press('ArrowRight');
    press('ArrowLeft');
    poll();
  }));
