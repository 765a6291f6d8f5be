// The report's tables and charts. Bars are tables, so that every figure can be read, heard, copied and printed.
function bar(parts) {
  const meter = el('span', { class: 'meter', 'aria-hidden': 'true' });
  for (const [share, name] of parts) {
    const piece = el('i', { class: name });
    piece.style.width = `${(100 * share).toFixed(2)}%`;
    meter.append(piece);
  }
  return meter;
}

function table(caption, heads, rows) {
  const body = rows.map((row) => el('tr', {}, ...row.map((cell, k) => (k === 0
    ? el('th', { scope: 'row', dir: 'auto', title: typeof cell === 'string' ? cell : undefined }, cell)
    : el('td', { class: typeof cell === 'string' && /^[\d.,–]/.test(cell) ? 'n' : undefined }, cell)))));
  return el('table', { 'aria-label': caption }, el('thead', {}, el('tr', {}, ...heads.map((head) =>
    el('th', { scope: 'col', class: head.startsWith('#') ? 'n' : undefined }, head.replace('#', ''))))), el('tbody', {}, ...body));
}
const framed = (node, label) => el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, node);

function drawHours() {
  const host = $('#hours .body');
  for (const [name, title] of [['label', 'By label'], ['channel', 'By channel'], ['split', 'By split']]) {
    const totals = new Map();
    for (const clip of clips) totals.set(clip[name], (totals.get(clip[name]) ?? 0) + clip.end_s - clip.start_s);
    const sorted = [...totals].sort((a, b) => b[1] - a[1]), most = sorted[0]?.[1] || 1, hours = sorted.some(([, s]) => s >= 3600);
    const show = (some) => {
      const made = table(title, [title.slice(3), hours ? '#h' : '#min', ''], some.map(([value, s]) =>
        [value || 'none', number(s / (hours ? 3600 : 60), hours && s >= 36000 ? 0 : 2), bar([[s / most, '']])]));
      made.classList.add('bars');
      return made;
    };
    const box = el('div', {}, el('h3', {}, title), show(sorted.slice(0, 12)));
    if (sorted.length > 12) box.append(el('details', {}, el('summary', {}, `${number(sorted.length - 12)} more`), show(sorted.slice(12, 400))));
    host.append(box);
  }
}

function histogram(host, title, values, unit, top) {
  const box = el('div', {}, el('h3', {}, title));
  host.append(box);
  const known = values.filter((value) => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  if (!known.length) {
    box.append(el('p', { class: 'muted' }, 'Not measured.'));
    return null;
  }
  const bins = 24, most = top ?? Math.max(1, known[Math.floor((known.length - 1) * .99)]), counts = new Array(bins).fill(0);
  for (const value of known) counts[Math.min(bins - 1, Math.floor((value / most) * bins))]++;
  const edges = counts.map((_, k) => ((k + .5) * most) / bins);
  const quantile = (q) => known[Math.floor((known.length - 1) * q)];
  const said = `median ${number(quantile(.5), 2)}, tenth ${number(quantile(.1), 2)}, ninetieth percentile ${number(quantile(.9), 2)}${unit}`;
  const holder = el('div', { role: 'img', 'aria-label': `Histogram of ${title}: ${said}` });
  box.append(holder, el('p', { class: 'muted' }, `${said[0].toUpperCase()}${said.slice(1)}. ${known.length < values.length ? `${number(values.length - known.length)} clips without.` : ''}`));
  let plot = null;
  const draw = () => {
    plot?.destroy();
    const axis = { stroke: colour('soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
    plot = new uPlot({ width: holder.clientWidth || 320, height: 160, cursor: { show: false }, legend: { show: false }, scales: { x: { time: false, range: [0, most] }, y: { range: (u, a, b) => [0, b * 1.08] } },
      axes: [{ ...axis, grid: { show: false } }, { ...axis, size: 44 }], series: [{}, { fill: colour('bar'), stroke: colour('bar'), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [.92, 100] }) }] }, [edges, counts], holder);
  };
  redraws.add(draw);
  return draw;
}

function drawQuality() {
  const host = $('#quality .body');
  // Drawn when all are in place, because that settles their widths.
  const draws = [histogram(host, 'Signal quality (median of placements)', clips.map((clip) => clip.quality), '', 1),
    histogram(host, 'Share of frames with a person', clips.map((clip) => clip.pose_share), '', 1),
    histogram(host, 'Clip length in s', clips.map((clip) => clip.end_s - clip.start_s), ' s')];
  for (const draw of draws) draw?.();
}

const empty = (id, text) => $(`#${id} .body`).append(el('p', { class: 'muted' }, text));
const GIVE = 'Only a workspace knows: fimad report DATASET --workspace FOLDER.';

function drawFunnel() {
  const left = Object.entries(report.left_out);
  if (!report.stages.length) empty('funnel', GIVE);
  else {
    const rows = report.stages.map((stage) => {
      const c = stage.counts, total = Math.max(1, Object.values(c).reduce((a, b) => a + b, 0));
      const why = stage.unavailable ? `can't run here: ${stage.unavailable} ${stage.fix}` : Object.entries(stage.reasons).map(([name, n]) => `${words(name)} ${n}`).join(', ');
      return [stage.stage, number(c.done), number(c.filtered), number(c.failed), number(c.pending + c.stale + c.blocked),
        bar([[c.done / total, ''], [c.filtered / total, 'filtered'], [c.failed / total, 'failed']]), why];
    });
    $('#funnel .body').append(framed(table('Videos by stage and state', ['Stage', '#done', '#filtered', '#failed', '#waiting', 'Share', 'Why'], rows), 'Funnel table'));
  }
  if (left.length) $('#funnel .body').append(el('h3', {}, 'Clips left out of the dataset'), table('Left out', ['Reason', '#clips'], left.map(([name, n]) => [words(name), number(n)])));
}

function drawSpeed() {
  if (!report.speeds.length) return empty('speed', report.stages.length ? 'No build of this workspace has done anything yet.' : GIVE);
  const total = Math.max(...report.speeds.map((each) => each.video_s), 0);
  const rows = report.speeds.map((each) => {
    const rate = each.seconds ? each.video_s / each.seconds : 0;
    return [each.stage, number(each.videos), number(each.seconds, 1), rate ? number(rate, 1) : '–', rate ? number(rate * report.cores, 1) : '–'];
  });
  $('#speed .body').append(framed(table('Speed of the last run that had work', ['Stage', '#videos', '#busy s', '#video-s per core-s', `#ceiling, ${report.cores} worker${report.cores === 1 ? '' : 's'}`], rows), 'Speed table'));
  if (report.wall_s) {
    const busy = report.speeds.reduce((sum, each) => sum + each.seconds, 0);
    const bound = busy ? (total / busy) * report.cores : 0;
    $('#speed .body').append(el('p', { class: 'muted' }, `That whole run: ${number(total / report.wall_s, 2)} s of video a second, against ${number(bound, 2)} if every worker had been busy all the time.`));
  }
}

function drawFailures() {
  if (!report.failures.length) return empty('failures', report.stages.length ? 'Nothing failed and nothing was filtered.' : GIVE);
  $('#failures .body').append(framed(table('Failures by reason', ['Reason', 'Stage', 'State', '#videos', 'For example', 'Next'], report.failures.map((each) =>
    [words(each.reason), each.stage, each.state, number(each.count), `${each.videos[0]}: ${each.example}`, el('code', {}, each.command)])), 'Failures table'));
}

function drawSettings() {
  const host = $('#settings .body'), versions = Object.entries({ fimad: report.fimad_version, ...report.versions });
  host.append(table('Versions', ['What', 'Version'], versions));
  if (report.settings) host.append(el('details', {}, el('summary', {}, 'All settings'), el('pre', { tabindex: '0', role: 'region', 'aria-label': 'Settings' }, report.settings)));
}
