((address) => {
  const link = document.createElement('a');
  Object.assign(link, { href: address, textContent: 'there' });
  document.body.append(link);
});
