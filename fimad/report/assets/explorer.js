// One clip: skeleton or video, signals, words, and clips like it, on one clock.
const explorer = { close: null };

async function openClip(index, returnTo) {
  explorer.stop?.();
  const clip = clips[index], dialog = $('#explorer'), single = report.single !== null;
  const head = el('div', { class: 'x-head' },
    el('div', {}, el('h2', { id: 'x-title', dir: 'auto' }, clip.title || clip.clip_id),
      el('p', { class: 'muted', dir: 'auto' }, [clip.label, clip.channel, clip.split, clip.clip_id, `${clock(clip.start_s)}–${clock(clip.end_s)}`].filter(Boolean).join(' · ')),
      clip.flags.length ? el('dl', { class: 'flags' }, ...clip.flags.flatMap((flag) => [el('dt', { class: 'flag' }, flag.replaceAll('_', ' ')), el('dd', {}, report.flag_words[flag] ?? '')])) : null),
    el('div', { class: 'x-nav' }, single ? null : el('button', { class: 'tool', type: 'button', id: 'x-close', onclick: () => dialog.close() }, 'Close')));
  const body = el('div', { class: 'x' }, head);
  dialog.replaceChildren(body);
  if (single) dialog.setAttribute('open', '');
  else if (!dialog.open) {
    explorer.opener = returnTo ?? document.activeElement;
    dialog.showModal();
  }
  dialog.scrollTop = 0;
  if (!clip.explored) {
    body.append(el('p', { class: 'note' }, clip.preview ? `The signals of this clip are not in this file. Type: fimad view ${clip.clip_id}` : 'Nobody was found in this clip, so there is neither pose nor signal.'));
    return showSimilar(body, clip);
  }
  const data = await readExplorer(index);
  runExplorer(body, clip, data);
  showSimilar(body, clip);
}

function showSimilar(body, clip) {
  // A page of one clip has no others to show.
  if (report.single !== null) return;
  const list = el('ul', { class: 'gallery' });
  const made = clip.similar.map((index, k) => card(clips[index], (at) => openClip(at), k + 1, clip.similar.length));
  list.append(...made.map(([item]) => item));
  body.append(el('div', { class: 'below' }, el('h3', {}, 'Similar clips, by video embedding'), made.length ? list : el('p', { class: 'muted' }, 'No embeddings to compare by.')));
  for (const [, draw] of made) draw();
}

function runExplorer(body, clip, data) {
  const times = data.time_s, last = times.length - 1, media = report.media[clip.index];
  const canvas = el('canvas', { tabindex: '0', role: 'img', id: 'skeleton', 'aria-label': '3D skeleton. Arrow keys with Shift turn it.' });
  const video = media ? el('video', { src: media, preload: 'auto', playsinline: true, 'aria-label': 'The clip’s video' }) : null;
  const play = el('button', { class: 'tool', type: 'button', id: 'x-play' }, 'Play');
  const rate = el('select', { 'aria-label': 'Speed of playing', id: 'x-rate' }, ...['0.25', '0.5', '1', '2'].map((v) => el('option', { value: v, selected: v === '1' }, `${v}×`)));
  rate.style.width = 'auto';
  const readout = el('output', { id: 'x-time' });
  const slider = el('input', { type: 'range', min: 0, max: last, value: 0, step: 1, 'aria-label': 'Frame', id: 'x-slider' });
  const tool = (text, label, action) => el('button', { class: 'tool', type: 'button', 'aria-label': label, onclick: action }, text);
  const legend = el('p', { class: 'legend' });
  for (const [name, text] of [['left', 'person’s left'], ['right', 'person’s right'], ['x', 'sensor x'], ['y', 'y'], ['z', 'z']]) {
    const mark = el('i');
    mark.style.background = `var(--${name})`;
    legend.append(el('span', {}, mark, text));
  }
  const signals = el('div', { class: 'signals' }), holder = el('div');
  const spoken = el('div', { class: 'words', id: 'x-words' });
  const left = el('div', {}, video ? el('div', { class: 'stage' }, video) : null, el('div', { class: 'stage' }, canvas), legend,
    el('div', { class: 'controls' }, play, tool('‹', 'One frame back', () => step(-1)), tool('›', 'One frame forward', () => step(1)), rate, readout, slider),
    el('p', { class: 'keys' }, el('kbd', {}, 'Space'), ' play  ', el('kbd', {}, '←'), ' ', el('kbd', {}, '→'), ' a frame  ', el('kbd', {}, 'Shift'), ' + arrows turn  ', el('kbd', {}, '+'), ' ', el('kbd', {}, '−'), ' ', el('kbd', {}, '0'), ' zoom time'));
  body.append(el('div', { class: 'x-grid' }, left, signals), el('div', { class: 'below' }, el('h3', {}, 'Transcript'), spoken));
  const skeleton = new Skeleton(canvas, data), panels = new Panels(holder, data, (time) => seek(time));
  const pick = el('select', { id: 'x-placement' }, ...data.signals.map((name) => el('option', { value: name },
    words(name) + (data.quality[name] === null ? '' : `, quality ${number(data.quality[name], 2)}`))));
  signals.append(data.signals.length ? el('label', { class: 'pick' }, 'Sensor', pick) : el('p', { class: 'note' }, 'This clip has no signals.'), holder);

  const spans = data.words.map(([from, to, text]) => [from, to, el('button', { type: 'button', dir: 'auto', onclick: () => seek(from) }, text.trim())]);
  spoken.append(...(spans.length ? spans.flatMap(([, , node]) => [node, ' ']) : [el('p', { class: 'muted' }, 'No words in this clip.')]));

  let frame = 0, time = times[0], playing = false, ticket = 0;
  const frameAt = (t) => {
    let low = 0, high = last;
    while (low < high) { const mid = (low + high + 1) >> 1; if (times[mid] <= t + 1e-6) low = mid; else high = mid - 1; }
    return low;
  };
  function show(t) {
    time = Math.max(times[0], Math.min(times[last], t));
    frame = frameAt(time);
    slider.value = frame;
    slider.setAttribute('aria-valuetext', clock(time));
    readout.textContent = `${clock(time)}  frame ${frame + 1}/${last + 1}`;
    skeleton.draw(frame);
    canvas.dataset.time = times[frame];
    panels.cursorTo(time);
    for (const [from, to, node] of spans) node.classList.toggle('now', from <= time && time < to);
  }
  function seek(t) {
    show(t);
    if (video) video.currentTime = clip.start_s + time + 1e-4;
  }
  function step(by) {
    pause();
    seek(times[Math.max(0, Math.min(last, frame + by))]);
  }
  function pause() {
    playing = false;
    play.textContent = 'Play';
    cancelAnimationFrame(ticket);
    video?.pause();
  }
  function start() {
    if (frame === last) seek(times[0]);
    playing = true;
    play.textContent = 'Pause';
    let before = null;
    if (video) {
      video.playbackRate = Number(rate.value);
      video.play().catch(() => pause());
    }
    const tick = (now) => {
      if (!playing || !canvas.isConnected) return;
      // The video, where there is one, is the clock: its picture and the cursor can't part.
      if (video) show(video.currentTime - clip.start_s);
      else if (before !== null) show(time + ((now - before) / 1000) * Number(rate.value));
      before = now;
      if (time >= times[last]) return pause();
      ticket = requestAnimationFrame(tick);
    };
    ticket = requestAnimationFrame(tick);
  }
  play.addEventListener('click', () => (playing ? pause() : start()));
  rate.addEventListener('change', () => { if (video) video.playbackRate = Number(rate.value); });
  slider.addEventListener('input', () => { pause(); seek(times[Number(slider.value)]); });
  pick.addEventListener('change', () => { skeleton.placement = pick.value; panels.show(pick.value); show(time); });
  const keys = (event) => {
    const typing = /^(SELECT|INPUT|TEXTAREA)$/.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.target !== slider)) return;
    const turns = { ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, -.07], ArrowDown: [0, .07] };
    if (event.shiftKey && turns[event.key]) skeleton.turn(...turns[event.key]);
    else if (event.key === ' ' && event.target.tagName !== 'BUTTON') playing ? pause() : start();
    else if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
    else if (event.key === 'Home') { pause(); seek(times[0]); }
    else if (event.key === 'End') { pause(); seek(times[last]); }
    else if (event.key === '+' || event.key === '=') panels.zoomBy(.5);
    else if (event.key === '-') panels.zoomBy(2);
    else if (event.key === '0') panels.zoomTo(null);
    else return;
    event.preventDefault();
  };
  const redraw = () => { if (data.signals.length) panels.show(pick.value); show(time); };
  const resize = () => { panels.resize(); show(time); };
  document.addEventListener('keydown', keys);
  window.addEventListener('resize', resize);
  redraws.add(redraw);
  explorer.stop = () => {
    pause();
    document.removeEventListener('keydown', keys);
    window.removeEventListener('resize', resize);
    redraws.delete(redraw);
    explorer.stop = null;
  };
  explorer.state = () => ({ frame, time, frame_time: times[frame], playing, yaw: skeleton.yaw, range: panels.range, axes: panels.plots.map(({ plot }) => [plot.scales.y.min, plot.scales.y.max]) });
  skeleton.placement = data.signals[0] ?? '';
  if (data.signals.length) panels.show(data.signals[0]);
  seek(times[0]);
  play.focus();
}
