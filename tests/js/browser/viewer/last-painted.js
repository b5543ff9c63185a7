((index) => window.painted.at(-1)?.index === index);
