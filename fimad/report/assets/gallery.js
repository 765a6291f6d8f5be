// Filters, order and pages of clips. Only one page is in the document, however many clips there are.
const PAGE = 48;
const ORDERS = { 'as packed': null, 'best signals first': (a, b) => (b.quality ?? -1) - (a.quality ?? -1), 'worst signals first': (a, b) => (a.quality ?? 2) - (b.quality ?? 2),
  'longest first': (a, b) => b.end_s - b.start_s - a.end_s + a.start_s };
const gallery = { found: [], page: 0, open: null };

function fillSelect(select, values, all) {
  select.append(el('option', { value: '' }, all));
  for (const value of values) select.append(el('option', { value: `=${value}` }, value || 'none'));
}

function startGallery(open) {
  gallery.open = open;
  const c = report.columns;
  const byName = (name) => [...c[name].values].sort((a, b) => a.localeCompare(b));
  fillSelect($('#f-label'), byName('label'), `all labels (${number(c.label.values.length)})`);
  fillSelect($('#f-channel'), byName('channel'), `all channels (${number(c.channel.values.length)})`);
  fillSelect($('#f-split'), byName('split'), 'all splits');
  const raised = [...new Set(clips.flatMap((clip) => clip.flags))].sort();
  $('#f-flag').append(el('option', { value: '' }, 'any or none'), el('option', { value: '-' }, 'no flags'), ...raised.map((flag) => el('option', { value: `=${flag}` }, flag.replaceAll('_', ' '))));
  for (const name of Object.keys(ORDERS)) $('#f-order').append(el('option', {}, name));
  $('#filters').addEventListener('input', filterClips);
  $('#filters').addEventListener('submit', (event) => event.preventDefault());
  redraws.add(showPage);
  filterClips();
}

function filterClips() {
  const text = $('#f-text').value.trim().toLowerCase();
  const chosen = Object.fromEntries(['label', 'channel', 'split'].map((name) => [name, $(`#f-${name}`).value]));
  const flag = $('#f-flag').value;
  gallery.found = clips.filter((clip) =>
    (!flag || (flag === '-' ? !clip.flags.length : clip.flags.includes(flag.slice(1)))) &&
    Object.entries(chosen).every(([name, value]) => !value || `=${clip[name]}` === value) &&
    (!text || `${clip.title}\n${clip.label}\n${clip.clip_id}`.toLowerCase().includes(text)));
  const order = ORDERS[$('#f-order').value];
  if (order) gallery.found.sort(order);
  gallery.page = 0;
  showPage();
}

function showPage() {
  const { found, open } = gallery, pages = Math.max(1, Math.ceil(found.length / PAGE)), first = gallery.page * PAGE;
  const made = found.slice(first, first + PAGE).map((clip, k) => card(clip, open, first + k + 1, found.length));
  $('#gallery').replaceChildren(...made.map(([item]) => item));
  for (const [, draw] of made) draw();
  const some = report.explorers.length < clips.length ? ` Signals of ${number(report.explorers.length)} clips, spread over all labels, are in this file; for any other: fimad view CLIP.` : '';
  $('#count').textContent = `${number(found.length)} of ${number(clips.length)} clip${clips.length === 1 ? '' : 's'}.${some}`;
  const turn = (by) => () => {
    gallery.page += by;
    showPage();
    $('#clips').scrollIntoView();
    ($(`#pager button:nth-of-type(${by < 0 ? 1 : 2}):not(:disabled)`) ?? $('#pager button:not(:disabled)'))?.focus({ preventScroll: true });
  };
  $('#pager').replaceChildren(...(pages < 2 ? [] : [
    el('button', { type: 'button', disabled: gallery.page === 0, onclick: turn(-1) }, 'Previous'),
    el('span', { class: 'muted' }, `Page ${gallery.page + 1} of ${pages}`),
    el('button', { type: 'button', disabled: gallery.page >= pages - 1, onclick: turn(1) }, 'Next')]));
}
