// The range of an axis that a few impossible samples don't flatten: where most samples lie, with room for what is near; beyond counts the rest.
function usualRange(columns) {
  const all = columns.flatMap((values) => values.filter((v) => v !== null)).sort((a, b) => a - b);
  if (!all.length) return { low: -1, high: 1, beyond: 0 };
  const at = (q) => all[Math.round(q * (all.length - 1))], first = at(.005), last = at(.995);
  const room = Math.max(last - first, .2), low = Math.max(all[0], first - .5 * room), high = Math.min(all.at(-1), last + .5 * room);
  const edge = .06 * Math.max(high - low, .2);
  return { low: low - edge, high: high + edge, beyond: all.filter((v) => v < low || v > high).length };
}

// The signals of one placement over the clip's time, with one cursor over all panels.
class Panels {
  constructor(host, data, seek) {
    Object.assign(this, { host, data, seek, plots: [], range: null });
    this.length = Math.max(data.time_s.at(-1) ?? 0, data.imu_time_s.at(-1) ?? 0, .1);
  }
  show(placement) {
    this.placement = placement;
    for (const { plot } of this.plots) plot.destroy();
    this.plots = [];
    this.host.replaceChildren();
    const a = this.data.arrays, t = this.data.imu_time_s;
    const [linear] = a.linear[placement], [sigma] = a.sigma[placement];
    const low = linear.map((v, k) => Math.max(0, v - sigma[k])), high = linear.map((v, k) => v + sigma[k]);
    const frames = this.data.time_s, raw = this.onto(t, frames, a.raw[placement][0]);
    this.panel('Specific force in the sensor frame, m/s²', [t, ...a.acc[placement]], [['x'], ['y'], ['z']]);
    this.panel('Angular rate in the sensor frame, rad/s', [t, ...a.gyro[placement]], [['x'], ['y'], ['z']]);
    this.panel('Linear acceleration, magnitude, m/s²', [t, raw, low, high, linear], [['raw', 'second difference'], null, null, ['accent', 'smoothed']], true);
    this.cursorTo(this.time ?? 0);
  }
  // Samples of the frames' clock at the IMU's times.
  onto(t, frames, values) {
    let k = 0;
    return t.map((time) => {
      while (k < frames.length - 2 && frames[k + 1] < time) k++;
      const part = (time - frames[k]) / (frames[k + 1] - frames[k]);
      const value = values[k] * (1 - part) + values[k + 1] * part;
      return Number.isFinite(value) ? value : null;
    });
  }
  panel(title, data, series, band = false) {
    const legend = el('span', { class: 'legend' });
    for (const each of series.filter(Boolean)) {
      const line = el('i');
      line.style.background = `var(--${each[0]})`;
      legend.append(el('span', {}, line, each[1] ?? each[0]));
    }
    const area = (name, text) => {
      const mark = el('i', { class: 'area' });
      mark.style.background = `var(--${name})`;
      legend.append(el('span', {}, mark, text));
    };
    if (band) area('band', '± standard uncertainty');
    if (!band || this.hasInvalid()) area('invalid', 'not measured');
    const holder = el('div', { role: 'img', 'aria-label': `${title}, ${words(this.placement)}` });
    const box = el('div', { class: 'panel' }, el('h3', {}, title, legend), holder);
    this.host.append(box);
    const axis = { stroke: colour('soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11.5px system-ui' };
    const clean = data.map((values, k) => (k ? Array.from(values, (v) => (Number.isFinite(v) ? v : null)) : Array.from(values)));
    let top = null, range = null;
    if (band) {
      const smooth = clean[4].filter((v) => v !== null).sort((p, q) => p - q);
      top = Math.max(2, (smooth.at(-1) ?? 1) * 2.5);
    }
    else {
      const { low, high, beyond } = usualRange(clean.slice(1));
      range = [low, high];
      if (beyond) legend.append(el('span', { class: 'beyond' }, `${number(beyond)} sample${beyond === 1 ? '' : 's'} beyond the axis`));
    }
    const plot = new uPlot({
      width: holder.clientWidth || 600, height: 158, legend: { show: false },
      cursor: { x: false, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: false, range: () => this.range ?? [0, this.length] }, y: { range: top ? [0, top] : range } },
      axes: [{ ...axis, size: 26, values: (u, ticks) => ticks.map((v) => `${+v.toFixed(2)} s`) }, { ...axis, size: 46 }],
      series: [{}, ...series.map((each) => (each ? { stroke: colour(each[0]), width: each[0] === 'accent' ? 2 : each[0] === 'raw' ? 1 : 1.4, points: { show: false } } : { stroke: 'transparent', width: 0, points: { show: false } }))],
      bands: band ? [{ series: [3, 2], fill: colour('band') }] : [],
      hooks: {
        drawClear: [(u) => this.shade(u)],
        // uPlot settles its scales later than its constructor returns.
        draw: [(u) => this.place(u)],
        setSelect: [(u) => { if (u.select.width > 8) this.zoomTo(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x')); u.setSelect({ width: 0, height: 0 }, false); }],
      },
    }, clean, holder);
    plot.over.addEventListener('click', (event) => this.seek(plot.posToVal(event.offsetX, 'x')));
    const cursor = el('div', { class: 'cursor' });
    plot.over.append(cursor);
    cursor.style.height = '100%';
    this.plots.push({ plot, cursor, holder });
  }
  hasInvalid() { return this.data.arrays.linear[this.placement][0].some((v) => v !== v); }
  shade(u) {
    const values = this.data.arrays.linear[this.placement][0], t = this.data.imu_time_s, half = .5 / this.data.imu_rate_hz;
    u.ctx.save();
    u.ctx.fillStyle = colour('invalid');
    for (let k = 0; k < values.length; k++) {
      if (values[k] === values[k]) continue;
      let end = k;
      while (end + 1 < values.length && values[end + 1] !== values[end + 1]) end++;
      const left = Math.max(u.bbox.left, u.valToPos(t[k] - half, 'x', true)), right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(t[end] + half, 'x', true));
      if (right > left) u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
      k = end;
    }
    u.ctx.restore();
  }
  zoomTo(from, to) {
    this.range = from === null ? null : [Math.max(0, from), Math.min(this.length, to)];
    for (const { plot } of this.plots) plot.setData(plot.data);
    this.cursorTo(this.time);
  }
  zoomBy(factor) {
    const [from, to] = this.range ?? [0, this.length], span = (to - from) * factor;
    if (span >= this.length) return this.zoomTo(null);
    const start = Math.max(0, Math.min(this.length - span, this.time - span / 2));
    this.zoomTo(start, start + Math.max(.2, span));
  }
  cursorTo(time) {
    this.time = time;
    const [from, to] = this.range ?? [0, this.length];
    if (this.range && (time < from || time > to)) {
      const span = to - from, start = Math.max(0, Math.min(this.length - span, time - span * .1));
      return this.zoomTo(start, start + span);
    }
    for (const { plot } of this.plots) this.place(plot);
  }
  place(plot) {
    const cursor = this.plots.find((each) => each.plot === plot)?.cursor;
    if (!cursor || this.time === undefined) return;
    const left = plot.valToPos(this.time, 'x');
    if (!Number.isFinite(left)) return;
    cursor.style.transform = `translateX(${left.toFixed(2)}px)`;
    cursor.dataset.time = plot.posToVal(left, 'x');
  }
  resize() { for (const { plot, holder } of this.plots) plot.setSize({ width: holder.clientWidth, height: 158 }); this.cursorTo(this.time); }
}
