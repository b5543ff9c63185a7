((count) => window.painted.length > count);
