/* In a task of the page: what a driver calls may evaluate text whatever the policy says. */
(() =>
  new Promise((resolve) => {
    setTimeout(() => {
      try {
        resolve(eval('1'));
      } catch (error) {
        resolve(error.name);
      }
    });
  }));
