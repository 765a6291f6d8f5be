// Unpacks what fimad/report/payload.py and page.py packed.
async function inflate(id) {
  const text = document.getElementById(id).textContent;
  const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(bytes.buffer).getUint32(0, true);
  return [JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size))), bytes.subarray(4 + size)];
}

let report, clips;
async function readReport() {
  const [head, previews] = await inflate('clip-data');
  const c = head.columns;
  const size = head.preview_frames * head.preview_points.length * 2;
  const explored = new Set(head.explorers);
  let at = 0;
  clips = c.clip_id.map((clip_id, index) => {
    const clip = { index, clip_id, title: c.title[index], start_s: c.start_s[index], end_s: c.end_s[index],
      quality: c.quality[index], pose_share: c.pose_share[index], similar: c.similar[index], flags: c.flags[index], explored: explored.has(index) };
    for (const name of ['label', 'channel', 'split', 'language']) clip[name] = c[name].values[c[name].codes[index]];
    if (c.preview[index]) {
      clip.preview = new Int8Array(previews.buffer, previews.byteOffset + at, size);
      at += size;
    }
    return clip;
  });
  report = head;
}

// Arrays become {kind: {placement: [column, ...]}} of Float32Array, NaN where missing.
async function readExplorer(index) {
  const [head, bytes] = await inflate(`x${index}`);
  const arrays = {};
  let at = 0;
  for (const [kind, placement, rows, width, scale] of head.arrays) {
    const count = rows * width;
    const low = bytes.subarray(at, at + count), high = bytes.subarray(at + count, at + 2 * count);
    at += 2 * count;
    const columns = [];
    for (let column = 0; column < width; column++) {
      const values = new Float32Array(rows);
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        const i = column * rows + row;
        sum = ((sum + (low[i] | (high[i] << 8))) << 16) >> 16;
        values[row] = sum === -32768 ? NaN : sum * scale;
      }
      columns.push(values);
    }
    (arrays[kind] ??= {})[placement] = columns;
  }
  return { ...head, arrays, imu_time_s: Array.from({ length: head.imu_samples }, (_, k) => head.imu_start_s + k / head.imu_rate_hz) };
}
