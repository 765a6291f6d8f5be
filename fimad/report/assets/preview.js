// The gallery's skeletons: no picture of anyone, only how they moved.
const SIDES = { l: 'left', r: 'right' };
const PREVIEW_BONES = [['left_shoulder', 'right_shoulder'], ['left_hip', 'right_hip'], ['left_shoulder', 'left_hip'], ['right_shoulder', 'right_hip'],
  ...['left', 'right'].flatMap((s) => [['shoulder', 'elbow'], ['elbow', 'wrist'], ['hip', 'knee'], ['knee', 'ankle']].map(([a, b]) => [`${s}_${a}`, `${s}_${b}`]))];
const sideOf = (a, b) => (a.startsWith('left') && b.startsWith('left') ? 'left' : a.startsWith('right') && b.startsWith('right') ? 'right' : 'middle');

function drawPreview(canvas, clip, frame) {
  const [context, width, height] = sharpen(canvas);
  // Out of the page by now, or not laid out yet.
  if (!width || !height) return;
  if (!clip.preview) {
    context.fillStyle = colour('soft');
    context.font = '13px system-ui, sans-serif';
    context.textAlign = 'center';
    context.fillText('no pose', width / 2, height / 2);
    return;
  }
  const names = report.preview_points, count = names.length, size = Math.min(width, height) / 2 - 8;
  const point = (f, k) => [width / 2 + (clip.preview[(f * count + k) * 2] / 120) * size, height / 2 + (clip.preview[(f * count + k) * 2 + 1] / 120) * size];
  const one = (f, alpha) => {
    context.globalAlpha = alpha;
    context.lineCap = 'round';
    context.lineWidth = Math.max(2, size / 28);
    for (const [a, b] of PREVIEW_BONES) {
      context.strokeStyle = colour(sideOf(a, b));
      context.beginPath();
      context.moveTo(...point(f, names.indexOf(a)));
      context.lineTo(...point(f, names.indexOf(b)));
      context.stroke();
    }
    const [x, y] = point(f, 0);
    context.fillStyle = colour('middle');
    context.beginPath();
    context.arc(x, y, size / 14, 0, 7);
    context.fill();
  };
  if (frame === undefined) {
    for (const [f, alpha] of [[0, .14], [5, .14], [2, 1]]) one(f, alpha);
  } else one(frame, 1);
  context.globalAlpha = 1;
}

// Moves while it is pointed at or has the focus.
function livePreview(button, canvas, clip) {
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; drawPreview(canvas, clip); };
  const start = () => {
    if (timer || still.matches || !clip.preview) return;
    let frame = 0;
    timer = setInterval(() => {
      if (!canvas.isConnected) return clearInterval(timer);
      drawPreview(canvas, clip, (frame = (frame + 1) % report.preview_frames));
    }, 220);
  };
  for (const name of ['pointerenter', 'focus']) button.addEventListener(name, start);
  for (const name of ['pointerleave', 'blur']) button.addEventListener(name, stop);
}

// Why signals are doubtful, as small marks that say more when pointed at.
const flagMarks = (flags) => flags.map((flag) => el('span', { class: 'flag', title: report.flag_words[flag] ?? '' }, flag.replaceAll('_', ' ')));

function card(clip, open, place, total) {
  const canvas = el('canvas', { 'aria-hidden': 'true' });
  const button = el('button', { class: 'card', type: 'button', 'data-clip': clip.clip_id, title: clip.title, onclick: () => open(clip.index) }, canvas,
    el('span', { class: 'text' }, el('b', { dir: 'auto' }, clip.title || clip.clip_id),
      el('small', {}, el('span', { dir: 'auto' }, clip.label || 'no label'), el('span', {}, length(clip.end_s - clip.start_s))),
      el('small', { class: 'quality' }, el('span', {}, clip.quality === null ? 'no signals' : `quality ${number(clip.quality, 2)}`), clip.quality === null ? null : bar([[clip.quality, clip.quality < .5 ? 'low' : '']])),
      clip.flags.length ? el('span', { class: 'flags' }, ...flagMarks(clip.flags)) : null));
  livePreview(button, canvas, clip);
  return [el('li', { 'aria-posinset': place, 'aria-setsize': total }, button), () => drawPreview(canvas, clip)];
}
