#!/bin/sh
# Build the wheel, install it without extras into an empty environment, and do there what must work without them.
#
#   sh tools/try_wheel.sh PYTHON
set -eu

python="${1:-python3}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$python" -m pip wheel -qq --disable-pip-version-check --no-deps --wheel-dir "$folder/dist" .
"$python" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -qq --disable-pip-version-check "$folder"/dist/fimad-*.whl
cd "$folder"
fimad="$folder/env/bin/fimad"
"$fimad" --help >help.txt
"$folder/env/bin/python" -c 'import fimad; print("fimad", fimad.__version__)'

# Somebody who stands and lifts an arm.
"$folder/env/bin/python" - <<'PYTHON'
import csv, math
still = {"left_shoulder": (-.19, 0, 1.42), "right_shoulder": (.19, 0, 1.42), "left_hip": (-.1, 0, .93), "right_hip": (.1, 0, .93),
         "left_knee": (-.1, 0, .5), "right_knee": (.1, 0, .5), "left_ankle": (-.1, 0, .08), "right_ankle": (.1, 0, .08)}
with open("lift.csv", "w", newline="") as file:
    names = [*still, "left_elbow", "left_wrist"]
    write = csv.writer(file).writerow
    write(["time_s", *(f"{name}_{axis}_m" for name in names for axis in "xyz")])
    for at in range(200):
        angle = 0.8 * math.sin(at / 20)
        arm = [(-.19 - length * math.sin(angle), 0, 1.42 - length * math.cos(angle)) for length in (.3, .55)]
        write([f"{at / 50:.3f}", *(value for place in (*still.values(), *arm) for value in place)])
PYTHON
"$fimad" simulate lift.csv --placement left_wrist --out lift.parquet >simulate.txt
test -s lift.parquet

code=0
printf 'no video' >x.mp4
"$fimad" build x.mp4 >build.txt 2>&1 || code=$?
if [ "$code" != 3 ] || [ "$(grep -c 'pip install' build.txt)" != 1 ]; then
    echo "fimad build without extras ended with $code, not with 3 and one line to type:"
    cat build.txt
    exit 1
fi
if find . -name '*.failed.json' | grep -q .; then
    echo "A video was blamed for what the installation lacks."
    exit 1
fi
echo "The wheel works without extras, and says what a build needs."
