"""Every Arrow schema of fimad: what each stage's artifact holds, one row per clip (download: one row per video).

Arrays are flattened row by row into lists; `shape` in the field metadata says how to fold them back (`n` is the number of
frames or samples of that clip). Times are seconds on the video's own clock (presentation timestamps). Units stand in
names and in the field metadata. Numbers that were not measured are NaN inside a list, and NULL as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

#: 2: orientation, flags and the uncertainty of angular rates came in; `PLACEMENT_acc_world_m_s2` became `PLACEMENT_lin_acc_world_m_s2`.
SCHEMA_VERSION = 2


def field(
    name: str, kind: pa.DataType, about: str, *, unit: str = "", shape: str = "", nullable: bool = True
) -> pa.Field:
    """An Arrow field whose metadata says what it means."""
    metadata = {"about": about}
    if unit:
        metadata["unit"] = unit
    if shape:
        metadata["shape"] = shape
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def key_fields() -> list[pa.Field]:
    """The columns that every per-clip artifact begins with, in the order of `clip_index`."""
    return [
        field("clip_id", pa.string(), "{video_id}___{clip_index}", nullable=False),
        field("clip_index", pa.int32(), "position among the video's chapters, from 0", nullable=False),
    ]


_F32 = pa.list_(pa.float32())
_F64 = pa.list_(pa.float64())
_BOOL = pa.list_(pa.bool_())

CHAPTER = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64()), ("title", pa.string())])
RANGE = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64())])
SPAN = pa.struct([("first_s", pa.float64()), ("last_s", pa.float64())])
CAPTION = pa.struct(
    [
        ("language", pa.string()),
        ("kind", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("text", pa.string()),
    ]
)
COMMENT = pa.struct([("text", pa.string()), ("likes", pa.int32()), ("by_uploader", pa.bool_()), ("pinned", pa.bool_())])
WORD = pa.struct(
    [("start_s", pa.float64()), ("end_s", pa.float64()), ("text", pa.string()), ("probability", pa.float32())]
)

EXERCISE_CUE = pa.struct(
    [
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("text", pa.string()),
        ("about", pa.string()),
        ("confidence", pa.float32()),
    ]
)

DOWNLOAD = pa.schema(
    [
        field("video_id", pa.string(), "stable, file-safe name of the video", nullable=False),
        field("media", pa.string(), "where the media file is: relative to the artifact's folder, or a file:// address"),
        field("media_sha256", pa.string(), "SHA-256 of the media file"),
        field("media_bytes", pa.int64(), "size of the media file", unit="byte"),
        field("url", pa.string(), "page the video came from; NULL for local files"),
        field("extractor", pa.string(), "yt-dlp extractor, or `local`"),
        field("title", pa.string(), "title as published (hostile text)"),
        field("description", pa.string(), "description as published (hostile text)"),
        field("channel", pa.string(), "channel's name"),
        field("channel_id", pa.string(), "channel's id: the unit that splits keep together"),
        field("upload_date", pa.string(), "YYYYMMDD"),
        field("license", pa.string(), "licence as the platform states it"),
        field("language", pa.string(), "language as the platform states it"),
        field("tags", pa.list_(pa.string()), "tags"),
        field("categories", pa.list_(pa.string()), "categories"),
        field("thumbnail_url", pa.string(), "address of the thumbnail"),
        field("duration_s", pa.float64(), "when the last picture ends, on the media file's clock", unit="s"),
        field("picture_start_s", pa.float64(), "when the first picture is shown, on the same clock", unit="s"),
        field("picture_spans", pa.list_(SPAN), "times of pictures with no hole of over 0.5 s in between", unit="s"),
        field("video_stream", pa.int32(), "index of the stream that the pictures are taken from"),
        field("video_choice", pa.string(), "why that stream; NULL if it is the only one"),
        field("width_px", pa.int32(), "width of the upright picture with square pixels", unit="px"),
        field("height_px", pa.int32(), "height of the upright picture", unit="px"),
        field("has_audio", pa.bool_(), "whether there is sound that can be decoded"),
        field("sound_note", pa.string(), "why an audio stream is not used; NULL if there is none, or nothing is wrong"),
        field("chapters", pa.list_(CHAPTER), "chapters as the platform gives them"),
        field("container_chapters", pa.list_(CHAPTER), "chapters embedded in the media file"),
        field("retrieved_on", pa.string(), "day of retrieval (UTC), YYYY-MM-DD; a local file's modification day"),
        field("person", pa.string(), "who is seen, as a list says: splits keep a person together"),
        field("given_split", pa.string(), "split that a list or a folder puts the video into"),
        field("given_label", pa.string(), "label that a list or a folder gives the whole video"),
        field("given_clips", pa.list_(CHAPTER), "clips that a list gives, with their labels as titles"),
        field(
            "published_ranges",
            pa.list_(RANGE),
            "what of the published time line the file holds, in order; NULL means all of it, empty that it can't be told",
        ),
        field("published_note", pa.string(), "what was done to published times, or why they are not used"),
        field(
            "source_fingerprint", pa.string(), "changes with what lies beside a local file, and with what a list says"
        ),
    ]
)

#: With `segment.fallback = "cues"`.
DOWNLOAD_CUES = DOWNLOAD.append(
    field("comments", pa.list_(COMMENT), "comments that list times, without their authors (hostile text); never packed")
)

CAPTIONS = pa.schema(
    [
        field("video_id", pa.string(), "stable, file-safe name of the video", nullable=False),
        field(
            "captions",
            pa.list_(CAPTION),
            "caption lines, NULL where they can't be had; kind is `human` or `automatic`, or `withheld` for those that a platform "
            "keeps back",
        ),
        field("captions_note", pa.string(), "why they can't be had"),
    ]
)

SEGMENT = pa.schema(
    [
        *key_fields(),
        field("start_s", pa.float64(), "where the clip begins", unit="s", nullable=False),
        field("end_s", pa.float64(), "where the clip ends", unit="s", nullable=False),
        field("title", pa.string(), "chapter title as published (hostile text)"),
        field("label", pa.string(), "title without numbering, times, counts and emoji, in lower case"),
        field(
            "chapter_source",
            pa.string(),
            "list, platform, container, description, scene, fixed, whole, or what proposed it: comment, speech, motion",
            nullable=False,
        ),
        field("filtered", pa.string(), "why the clip is left out; NULL if it is kept"),
    ]
)

_PROPOSED = (
    field("chapter_confidence", pa.float32(), "how sure a proposed chapter is, 0 to 1; NULL for all others", unit="1"),
    field("chapter_evidence", pa.list_(pa.string()), "what a proposed chapter rests on; NULL for all others"),
)
#: With `segment.fallback = "cues"`.
SEGMENT_CUES = pa.schema([*SEGMENT, *_PROPOSED])

LABEL = pa.schema(
    [
        *key_fields(),
        field("kind", pa.string(), "exercise, rest, section, talk or other"),
        field("kind_confidence", pa.float32(), "how sure kind and exercises are, 0 to 1", unit="1"),
        field("kind_evidence", pa.list_(pa.string()), "what settled it: words of the title, and what the clip shows"),
        field("exercise", pa.string(), "canonical exercise, the first if several are named; NULL if none is"),
        field("exercises", pa.list_(pa.string()), "all canonical exercises, in the order of the title"),
        field("label_method", pa.string(), "how it was found: exact, fuzzy, compound, words, motion, corrected, ..."),
        field("side", pa.string(), "left, right or both, as stated"),
        field("repetitions", pa.int32(), "as stated in the title"),
        field("sets", pa.int32(), "as stated in the title"),
        field("stated_duration_s", pa.float64(), "how long to do it, as the title states it", unit="s"),
        field("stated_rest_s", pa.float64(), "how long to rest after it, as the title states it", unit="s"),
        field("equipment", pa.list_(pa.string()), "as stated in the title"),
        field("label_language", pa.string(), "language of the title"),
        field("repetitions_counted", pa.float32(), "counted from the motion; NULL where nothing repeats"),
        field("repetitions_confidence", pa.float32(), "autocorrelation of the motion at its period", unit="1"),
        field("description_text", pa.string(), "how the exercise is done"),
        field("description_source", pa.string(), "what wrote the description: a template, or a model and its prompt"),
        field(
            "description_provenance", pa.string(), "model, prompt, tokens and cost of a model's description, as JSON"
        ),
        field("title_english", pa.string(), "the title in English, where it was translated to be understood"),
        field("exercise_cues", pa.list_(EXERCISE_CUE), "what is said that speaks of the exercise", unit="s"),
        field("chatter_share", pa.float32(), "share of the spoken words that do not; NULL without speech", unit="1"),
        field("label_embedding", _F32, "embedding of the label, unit length", shape="d"),
        field("description_text_embedding", _F32, "embedding of `description_text`, unit length", shape="d"),
        field("label_embedding_source", pa.string(), "model of both, and the template of the label's"),
    ]
)

TRANSCRIBE = pa.schema(
    [
        *key_fields(),
        field("transcript", pa.string(), "words spoken within the clip"),
        field("transcript_words", pa.list_(WORD), "words (or segments) with times", unit="s"),
        field("transcript_language", pa.string(), "language code"),
        field(
            "transcript_language_probability",
            pa.float32(),
            "of that language by Whisper, mean over windows of 30 s spread over the video; NULL where it was not told from the sound",
            unit="1",
        ),
        field("transcript_no_speech", pa.float32(), "probability that the clip holds no speech"),
        field("transcript_source", pa.string(), "human_captions, automatic_captions, faster-whisper or openai-whisper"),
    ]
)

POSE = pa.schema(
    [
        *key_fields(),
        field("pose_time_s", _F64, "presentation time of each frame", unit="s", shape="n"),
        field(
            "pose_source_time_s",
            _F64,
            "estimated time at which the picture was taken, where the frame rate was converted; NaN for a repeated picture",
            unit="s",
            shape="n",
        ),
        field(
            "pose_rates_hz",
            _F64,
            "frame rates before and after each conversion that was found, most frames first; empty for none, NULL where it can't be told",
            unit="Hz",
            shape="c,2",
        ),
        field(
            "pose_image",
            _F32,
            "x, y in fractions of width and height, y down; z on the scale of x",
            unit="1",
            shape="n,33,3",
        ),
        field("pose_world_m", _F32, "hip-centred, camera axes: x right, y down, z forward", unit="m", shape="n,33,3"),
        field(
            "pose_visibility", _F32, "probability that the landmark is in view and not hidden", unit="1", shape="n,33"
        ),
        field("pose_score", _F32, "person score of the frame; 0 where nobody was found", unit="1", shape="n"),
        field(
            "pose_track",
            pa.list_(pa.int32()),
            "number of the tracked person's track; -1 where nobody was found",
            shape="n",
        ),
        field("pose_share", pa.float32(), "share of frames with a person", unit="1"),
        field("width_px", pa.int32(), "width of the upright picture", unit="px"),
        field("height_px", pa.int32(), "height of the upright picture", unit="px"),
    ]
)

#: With `pose.from`: the same, in metres of the world.
POSE_RESULTS = pa.schema(
    [
        *POSE,
        field(
            "pose_from", pa.string(), "name of the file that the pose was read from; NULL if estimated from the video"
        ),
        field("pose_report", pa.string(), "what was decided while that file was read, or why it is not used, as JSON"),
        field(
            "pose_root_m",
            _F64,
            "of a pose from a file: what pose_world_m is centred on, in the world frame (x right, y away, z up)",
            unit="m",
            shape="n,3",
        ),
        field(
            "pose_segment_orientation",
            _F32,
            "of a pose from a file: quaternions x, y, z, w from a frame fixed to each segment to the world; NULL where not given",
            unit="1",
            shape="n,11,4",
        ),
    ]
)

CAMERA = pa.schema(
    [
        *key_fields(),
        field("camera_time_s", _F64, "presentation time of each frame", unit="s", shape="k"),
        field("camera_cut", _BOOL, "a new shot begins with this frame", shape="k"),
        field(
            "camera_motion",
            _F32,
            "similarity from the previous frame's background: shift x, y in fractions of the width, rotation in rad, log scale",
            shape="k,4",
        ),
        field(
            "camera_confidence",
            _F32,
            "share of background features that agree; 0 where there are too few, and the motion is unknown",
            unit="1",
            shape="k",
        ),
        field(
            "camera_person_change",
            _F32,
            "mean change of luminance, of 255, since the previous frame where the person is; NaN where nobody is",
            shape="k",
        ),
        field(
            "camera_person_light", _F32, "mean luminance, of 255, where the person is; NaN where nobody is", shape="k"
        ),
    ]
)

FLOW = pa.schema(
    [
        *key_fields(),
        field("flow_time_s", _F64, "presentation time of each frame", unit="s", shape="n"),
        field(
            "flow_dense",
            _F32,
            "displacement x, y of joints since the previous frame, from dense optical flow, in fractions of the width; NaN if unknown",
            unit="1",
            shape="n,15,2",
        ),
        field("flow_grey", _F32, "the same, fitted to grey levels", unit="1", shape="n,15,2"),
        field("flow_dense_share", _F32, "share of it that pixels told; the rest is pose", unit="1", shape="n,15"),
        field("flow_grey_share", _F32, "the same, fitted to grey levels", unit="1", shape="n,15"),
    ]
)

EMBED = pa.schema(
    [
        *key_fields(),
        field("video_embedding_time_s", _F64, "presentation time of each embedded frame", unit="s", shape="e"),
        field("video_embeddings", _F32, "CLIP embedding of each frame, unit length", unit="1", shape="e,d"),
        field("video_embedding", _F32, "mean of the frames' embeddings, unit length", unit="1", shape="d"),
        field("text_embedding", _F32, "CLIP embedding of title and label prompts, unit length", unit="1", shape="d"),
        field(
            "description_embedding", _F32, "CLIP embedding of the video's description, unit length", unit="1", shape="d"
        ),
    ]
)


def imu_fields(placement: str) -> list[pa.Field]:
    """The columns of one virtual sensor; m is the number of samples on the clip's IMU clock."""
    return [
        field(
            f"{placement}_acc_m_s2", _F32, "specific force, sensor frame: rest reads 9.81 up", unit="m/s²", shape="m,3"
        ),
        field(f"{placement}_gyro_rad_s", _F32, "angular rate, sensor frame", unit="rad/s", shape="m,3"),
        field(
            f"{placement}_lin_acc_world_m_s2", _F32, "linear acceleration, world frame (z up)", unit="m/s²", shape="m,3"
        ),
        field(
            f"{placement}_orientation",
            _F32,
            "unit quaternion x, y, z, w: turns vectors from the sensor's frame to the world's",
            unit="1",
            shape="m,4",
        ),
        field(f"{placement}_valid", _BOOL, "False where nothing was measured; values are NaN there", shape="m"),
        field(f"{placement}_sigma_m_s2", _F32, "standard uncertainty of the specific force", unit="m/s²", shape="m"),
        field(
            f"{placement}_gyro_sigma_rad_s", _F32, "standard uncertainty of the angular rate", unit="rad/s", shape="m"
        ),
        field(f"{placement}_quality", pa.float32(), "summary of the clip for this placement, 0 to 1", unit="1"),
    ]


def simulate_schema(placements: Iterable[str]) -> pa.Schema:
    """The `simulate` artifact for the given placements."""
    return pa.schema(
        [
            *key_fields(),
            field(
                "imu_time_s",
                _F64,
                "IMU clock: start_s + k / imu_rate_hz, on the video's time line",
                unit="s",
                shape="m",
            ),
            field("imu_rate_hz", pa.float64(), "samples per second", unit="Hz"),
            field("imu_root_m", _F32, "pelvis in the world frame, slow drift removed", unit="m", shape="m,3"),
            field("imu_quality", pa.float32(), "median of the placements' quality", unit="1"),
            field(
                "flags", pa.list_(pa.string()), "what is doubtful about the clip, one word each; empty if nothing is"
            ),
            field("imu_report", pa.string(), "what the estimate rests on, as JSON"),
            *(each for placement in placements for each in imu_fields(placement)),
        ]
    )


def _named(schema: pa.Schema, *names: str) -> list[pa.Field]:
    return [schema.field(name) for name in names]


def _without_keys(schema: pa.Schema) -> list[pa.Field]:
    return [each for each in schema if each.name not in ("clip_id", "clip_index")]


def dataset_schema(placements: Iterable[str]) -> pa.Schema:
    """The packed dataset: one row per clip, everything that is known of it. Embeddings are NULL where there are none."""
    return pa.schema(
        [
            *key_fields(),
            *_named(DOWNLOAD, "video_id"),
            field("split", pa.string(), "the split that the video's channel belongs to", nullable=False),
            *_named(SEGMENT, "title", "label", "start_s", "end_s", "chapter_source"),
            *_PROPOSED,
            *_without_keys(LABEL),
            field(
                "class_label", pa.string(), "class to train on: exercise, several_exercises, unlisted_exercise or null"
            ),
            field("class_id", pa.int32(), "number of the class, the same in all versions of a dataset; 0 is null"),
            field("video_title", pa.string(), "title of the video as published (hostile text)"),
            *_named(
                DOWNLOAD, "description", "channel", "channel_id", "person", "url", "extractor", "license", "language"
            ),
            *_named(DOWNLOAD, "upload_date", "tags", "categories", "thumbnail_url", "retrieved_on", "media_sha256"),
            field("tool_versions", pa.string(), "versions of what made this row, as JSON"),
            *_without_keys(TRANSCRIBE),
            *_without_keys(POSE_RESULTS),
            *_without_keys(simulate_schema(placements)),
            *_without_keys(EMBED),
        ],
        metadata={"fimad_schema_version": str(SCHEMA_VERSION)},
    )
