// Starts the page.
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  $('#theme').textContent = name === 'dark' ? 'Light' : 'Dark';
  for (const draw of redraws) draw();
}
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
setTheme(prefersDark.matches ? 'dark' : 'light');
prefersDark.addEventListener('change', () => setTheme(prefersDark.matches ? 'dark' : 'light'));
$('#theme').addEventListener('click', () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
$('#explorer').addEventListener('close', () => {
  explorer.stop?.();
  if (explorer.opener?.isConnected) explorer.opener.focus();
  $('#explorer').replaceChildren();
});
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  width = innerWidth;
  for (const draw of redraws) draw();
});

readReport().then(() => {
  if (report.single !== null) return openClip(report.single);
  startGallery((index) => openClip(index));
  for (const draw of [drawFunnel, drawHours, drawQuality, drawSpeed, drawFailures, drawSettings]) draw();
}).then(() => { document.documentElement.dataset.ready = 'yes'; }).catch((error) => {
  $('#failed').hidden = false;
  $('#failed').textContent = `The data in this page can't be read: ${error.message}. A browser of 2023 or newer is needed.`;
  console.error(error);
});
globalThis.fimadReport = { state: () => explorer.state?.() };
