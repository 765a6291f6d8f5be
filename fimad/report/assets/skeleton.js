// The 3D skeleton: world frame (x right, y away, z up), turned by pointer or keys, with the sensors' axes on the limb.
class Skeleton {
  constructor(canvas, data) {
    Object.assign(this, { canvas, data, yaw: -.35, pitch: .14, zoom: 1, placement: '' });
    const points = data.arrays.points[''];
    const extent = (axis) => {
      const all = [];
      for (let k = axis; k < points.length; k += 3) for (const value of points[k]) if (value === value) all.push(value);
      all.sort((a, b) => a - b);
      return [all[Math.floor(all.length * .002)] ?? -1, all[Math.floor((all.length - 1) * .998)] ?? 1];
    };
    this.box = [0, 1, 2].map(extent);
    this.middle = this.box.map(([a, b]) => (a + b) / 2);
    this.size = Math.max(.5, this.box[2][1] - this.box[2][0], this.box[0][1] - this.box[0][0]) * 1.22;
    let from = null;
    canvas.addEventListener('pointerdown', (event) => { from = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener('pointermove', (event) => {
      if (!from) return;
      this.turn((event.clientX - from[0]) * .01, (event.clientY - from[1]) * .006);
      from = [event.clientX, event.clientY];
    });
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => { from = null; });
  }
  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-1.2, Math.min(1.4, this.pitch + pitch));
    this.draw(this.frame);
  }
  project(x, y, z) {
    const [cx, cy, cz] = this.middle, dx = x - cx, dy = y - cy, dz = z - cz;
    const u = dx * Math.cos(this.yaw) - dy * Math.sin(this.yaw), v = dx * Math.sin(this.yaw) + dy * Math.cos(this.yaw);
    const depth = v * Math.cos(this.pitch) - dz * Math.sin(this.pitch), up = dz * Math.cos(this.pitch) + v * Math.sin(this.pitch);
    const scale = (this.zoom * Math.min(this.width, this.height)) / this.size / (1 + depth / (this.size * 3));
    return [this.width / 2 + u * scale, this.height / 2 - up * scale, depth, scale];
  }
  draw(frame) {
    this.frame = frame;
    const [context, width, height] = sharpen(this.canvas);
    Object.assign(this, { context, width, height });
    this.floor();
    const points = this.data.arrays.points[''];
    const at = (k) => [0, 1, 2].map((axis) => points[3 * k + axis][frame]);
    const bones = [];
    for (const [a, b] of report.bones) {
      const p = at(a), q = at(b);
      if ([...p, ...q].every(Number.isFinite)) bones.push([this.project(...p), this.project(...q), sideOf(report.points[a], report.points[b])]);
    }
    bones.sort((a, b) => b[0][2] + b[1][2] - a[0][2] - a[1][2]);
    context.lineCap = 'round';
    for (const [p, q, side] of bones) {
      context.strokeStyle = colour(side);
      context.lineWidth = Math.max(2, p[3] * .028);
      context.beginPath();
      context.moveTo(p[0], p[1]);
      context.lineTo(q[0], q[1]);
      context.stroke();
    }
    if (!bones.length) {
      context.fillStyle = colour('soft');
      context.font = '14px system-ui, sans-serif';
      context.textAlign = 'center';
      context.fillText('nobody found in this frame', width / 2, height / 2);
    } else {
      this.head(at);
      if (this.placement) this.sensor(frame, at);
    }
  }
  // A ball between the ears on a neck: the face's landmarks alone look like a beak.
  head(at) {
    const named = (name) => at(report.points.indexOf(name));
    const between = (a, b) => named(a).map((v, k) => (v + named(b)[k]) / 2);
    const ears = between('left_ear', 'right_ear'), neck = between('left_shoulder', 'right_shoulder');
    if (![...ears, ...neck].every(Number.isFinite)) return;
    const p = this.project(...ears), q = this.project(...neck), { context } = this;
    context.strokeStyle = context.fillStyle = colour('middle');
    context.lineWidth = Math.max(2, p[3] * .028);
    context.beginPath();
    context.moveTo(q[0], q[1]);
    context.lineTo(p[0], p[1]);
    context.stroke();
    context.beginPath();
    context.arc(p[0], p[1], p[3] * .085, 0, 7);
    context.fill();
  }
  floor() {
    const { context } = this, z = this.box[2][0], step = .5, n = 3;
    context.strokeStyle = colour('line');
    context.lineWidth = 1;
    const [cx, cy] = this.middle;
    for (let k = -n; k <= n; k++) {
      for (const [p, q] of [[[cx + k * step, cy - n * step, z], [cx + k * step, cy + n * step, z]], [[cx - n * step, cy + k * step, z], [cx + n * step, cy + k * step, z]]]) {
        context.beginPath();
        context.moveTo(...this.project(...p).slice(0, 2));
        context.lineTo(...this.project(...q).slice(0, 2));
        context.stroke();
      }
    }
  }
  sensor(frame, at) {
    const which = this.data.placements.indexOf(this.placement), columns = this.data.arrays.axes?.[''];
    if (which < 0 || !columns?.length) return;
    // axes_of(...)[..., [0, 2]] flattened: row by row of a 3 by 2 matrix.
    const value = (row, column) => columns[which * 6 + row * 2 + column][frame];
    const x = [0, 1, 2].map((row) => value(row, 0)), z = [0, 1, 2].map((row) => value(row, 1));
    const y = [z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]];
    const place = report.places[this.placement], origin = [0, 0, 0];
    for (const [k, weight] of place) at(k).forEach((v, axis) => { origin[axis] += v * weight; });
    if (![...origin, ...x, ...z].every(Number.isFinite)) return;
    const { context } = this, o = this.project(...origin);
    for (const [name, axis] of [['x', x], ['y', y], ['z', z]]) {
      const tip = this.project(...origin.map((v, k) => v + axis[k] * .2));
      context.strokeStyle = context.fillStyle = colour(name);
      context.lineWidth = 2.5;
      context.beginPath();
      context.moveTo(o[0], o[1]);
      context.lineTo(tip[0], tip[1]);
      context.stroke();
      context.font = '600 12px system-ui, sans-serif';
      context.textAlign = 'center';
      context.fillText(name, tip[0] + (tip[0] - o[0]) * .18, tip[1] + (tip[1] - o[1]) * .18 + 4);
    }
    context.fillStyle = colour('ink');
    context.beginPath();
    context.arc(o[0], o[1], 3.5, 0, 7);
    context.fill();
  }
}
