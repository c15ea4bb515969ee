"""Groups, kinds and sources that the paths of images say: frames of one video share a folder."""

import logging
import posixpath
import re

import pandas as pd

from face_forgery.data.labels.manifest import (
    FAKE,
    REAL,
    UNKNOWN,
    ManifestError,
    show_examples,
)

logger = logging.getLogger(__name__)

# Folders that every video has below its own, as in 000/frames/0001.png, or every kind.
_ANYWHERE = re.compile(
    r"(?:(?:^|/)(?:frames?|faces?|images?|imgs?|crops?|png|jpe?g|raw|c0|c23|c40|videos?))+$",
    re.IGNORECASE,
)
_LEAST_VIDEOS = 3  # of a class: fewer folders are kinds or sources
_MOST_FRAMES = 1000  # half of the videos of a set have fewer; kinds and sources have more
_NEARLY_ALL = 0.9
_COMPRESSION = re.compile(r"/(?:raw|c\d+)/")
_MOST_KINDS = 100
# A forgery is named after the videos it was made of: 000_003 in FaceForensics++,
# 01_02__walking__ABCD1234 in DeepFakeDetection, id1_id0_0007 (of id1_0007) in Celeb-DF.
_OF_TWO = re.compile(r"(\d+)_(\d+)(?:(__.+?)(?:__[A-Z0-9]{8})?)?")
_OF_IDENTITY = re.compile(r"(id\d+)_id\d+_(\d+)")
_NUMBER = re.compile(r"0*(\d+)(?:\.0+)?")
_LAST_NUMBER = r"(\d{1,15})[^/\d]*$"  # 12 in 000_003/0012.png


def read_numbers(texts: pd.Series) -> pd.Series:
    """Return whole numbers of up to 15 digits, ``(N,)`` Int64; missing where there is none."""
    return pd.to_numeric(texts.str.extract(r"^(\d{1,15})(?:\.0*)?$")[0]).astype("Int64")


def read_paths(table: pd.DataFrame, from_path: str | None) -> pd.DataFrame:
    """Fill in groups, kinds, sources and videos that nobody gave, from the paths or by default.

    They are empty where nobody gave them. An image without a group is in that of its video, or in
    one of its own that no other file can name by accident. ``folder`` is the folder of the image,
    below its class folder, or missing where a label file has given its target; it is dropped.

    Raises:
        ManifestError: If a pattern fits no name, or a video has two targets or two groups.
    """
    table = table.assign(group=_unify_numbers(table["group"]))
    has_folders = table["img_name"].str.contains("/", regex=False).any()
    pattern = None if from_path in (None, "auto", "folder") else re.compile(str(from_path))
    found = pd.DataFrame() if pattern is None else _match(table["img_name"], pattern)
    for column in {"kind", "source", "video"} & set(found):
        table[column] = table[column].mask(table[column] == "", found[column])
    if "frame" in found:
        table["frame"] = table["frame"].fillna(read_numbers(found["frame"]))
    is_open = (table["group"] == "") & (table["video"] == "") & table["target"].notna()
    if "group" in found:
        groups = _join_videos(found["group"].where(is_open, ""), table["target"])
        table["group"] = table["group"].mask(table["group"] == "", groups)
    elif from_path is not None and "video" not in found and has_folders:
        table = _read_folders(table, is_open, is_certain=from_path == "folder")
    is_real = (table["target"] == REAL).fillna(False).astype(bool)
    table = table.assign(
        kind=table["kind"].mask((table["kind"] == "") & is_real, "real").replace("", UNKNOWN),
        source=table["source"].replace("", UNKNOWN),
    ).drop(columns="folder")
    table = _group_videos(_tell_videos_apart(table))
    own = table["subset"] + ":" + table["img_name"]
    return table.assign(group=table["group"].mask(table["group"] == "", own))


def _tell_videos_apart(table: pd.DataFrame) -> pd.DataFrame:
    """Give videos of one name, but of several kinds or sources, names of their own."""
    targets = table[table["video"] != ""].groupby(["source", "video"])["target"].nunique()
    if torn := sorted(targets[targets > 1].index.get_level_values("video")):
        raise ManifestError(
            f"{len(torn):,} video(s) have real and forged images: {show_examples(torn)}; a video "
            "has one target: give those of each target names of their own in the column video"
        )
    whole = table["source"] + "/" + table["kind"] + "/" + table["video"]
    whole = whole.where((table["video"] != "") & table["target"].notna())
    is_several = whole.notna() & (whole.groupby(table["video"]).transform("nunique") > 1)
    if is_several.any():
        names = table.loc[is_several, "video"].unique()
        logger.warning(
            "%d name(s) of videos stand for several, of other kinds or sources: %s",
            len(names),
            show_examples(names),
        )
    return table.assign(video=table["video"].mask(is_several, whole).replace("", pd.NA))


def _group_videos(table: pd.DataFrame) -> pd.DataFrame:
    """Fill in the groups of videos that somebody named; each video lies in one."""
    groups = table["group"]
    is_open = (groups == "") & table["video"].notna()
    for _, rows in table[is_open].groupby("source"):
        joined = _join_videos(rows["video"], rows["target"])
        groups = groups.mask(groups.index.isin(rows.index), joined)
    several = groups.groupby(table["video"]).nunique()
    if torn := list(several.index[several > 1]):
        raise ManifestError(
            f"{len(torn):,} video(s) have images in several groups: {show_examples(torn)}; a split "
            "would part them: give all images of a video one group"
        )
    return table.assign(group=groups)


def _read_folders(table: pd.DataFrame, is_open: pd.Series, *, is_certain: bool) -> pd.DataFrame:
    """Fill in groups and kinds from folders; not certain, they only count if they look like it."""
    whole = table["img_name"].map(posixpath.dirname).str.replace(_ANYWHERE, "", regex=True)
    below = table["folder"].str.replace(_ANYWHERE, "", regex=True)
    videos = whole.where(is_open & (below.fillna(whole) != ""), "")
    if not is_certain and not _are_videos(videos[is_open], table):
        videos = pd.Series("", index=table.index)
    groups = _join_videos(videos, table["target"])
    groups = groups if is_certain else _keep_apart(groups, table["subset"])
    is_video = (videos != "") & (table["target"].groupby(videos).transform("nunique") == 1)
    names = videos if is_certain else table["subset"] + ":" + videos
    return table.assign(
        video=table["video"].mask(is_video, names),
        frame=table["frame"].fillna(read_frames(table["img_name"], names.where(is_video, ""))),
        group=table["group"].mask(table["group"] == "", groups),
        kind=_fill_kinds(table, below.where((videos == "") | below.str.contains("/"), "")),
    )


def read_frames(names: pd.Series, videos: pd.Series) -> pd.Series:
    """Return the last numbers of names, Int64, if they tell the images of a video apart."""
    frames = read_numbers(names.str.extract(_LAST_NUMBER)[0].where(videos != "", ""))
    is_twin = pd.DataFrame({"video": videos, "frame": frames}).duplicated() & frames.notna()
    return frames.mask(is_twin.groupby(videos).transform("any"))


def _unify_numbers(groups: pd.Series) -> pd.Series:
    """Give groups that differ only in how a number is written (7, 007, 7.0) one name."""
    spellings: dict[str, list[str]] = {}
    for name in sorted(groups.unique(), key=lambda name: (len(name), name)):
        if number := _NUMBER.fullmatch(name):
            spellings.setdefault(number[1], []).append(name)
    several = {number: names for number, names in spellings.items() if len(names) > 1}
    if not several:
        return groups
    logger.warning(
        "%d group(s) differ only in how a number is written, and are taken for one: %s",
        len(several),
        show_examples(" = ".join(names) for names in several.values()),
    )
    return groups.replace({old: names[0] for names in several.values() for old in names})


def _match(names: pd.Series, pattern: re.Pattern[str]) -> pd.DataFrame:
    found = names.str.extract(pattern)[list(pattern.groupindex)]
    missed = found.isna().all(axis=1)
    if missed.all():
        raise ManifestError(
            f"ingestion.from_path={pattern.pattern} fits none of {len(names):,} image names: "
            f"{show_examples(names.head(4))}"
        )
    if missed.any():
        logger.warning(
            "ingestion.from_path does not fit %s of %s image names: %s",
            f"{int(missed.sum()):,}",
            f"{len(names):,}",
            show_examples(names[missed].head(4)),
        )
    return found.fillna("").astype("str")


def _are_videos(folders: pd.Series, table: pd.DataFrame) -> bool:
    """Say whether the folders look like videos, a folder each: many of each class, none of both."""
    targets = table["target"][folders.index]
    if not (folders != "").any():
        return False
    is_in_one = ((folders != "").groupby(targets).mean() >= _NEARLY_ALL).all()
    is_many = (folders[folders != ""].groupby(targets).nunique() >= _LEAST_VIDEOS).all()
    per_folder = targets.groupby(folders)
    is_pure = (per_folder.nunique() == 1).mean() >= _NEARLY_ALL
    if not (is_in_one and is_many and is_pure and per_folder.size().median() < _MOST_FRAMES):
        return False
    logger.warning(
        "%s sub-folders, such as %s, are taken for videos or people: the images of each stay on "
        "one side of a split (if they are kinds or sources: ingestion.from_path=null)",
        f"{folders.nunique():,}",
        show_examples(sorted(folders.unique())[:4]),
    )
    return True


def _join_videos(videos: pd.Series, targets: pd.Series) -> pd.Series:
    """Give videos, and the forgeries that are named after them, one group: ``(N,)`` names.

    A forgery stays with the video it shows and with the one its face comes from; where that chains
    most of a set together, with the first alone.
    """
    groups = _link(videos, targets, num_originals=2)
    counts = groups[groups != ""].value_counts()
    if len(counts) and counts.iloc[0] > counts.sum() / 2:
        apart = _link(videos, targets, num_originals=1)
        if apart.nunique() > groups.nunique():
            logger.warning(
                "forgeries that are named after two videos chain %s of %s images together: each "
                "is kept with the first of the two alone; the second may be on the other side of a "
                "split",
                f"{counts.iloc[0]:,}",
                f"{counts.sum():,}",
            )
            return apart
    return groups


def _link(videos: pd.Series, targets: pd.Series, *, num_originals: int) -> pd.Series:
    from scipy.cluster.hierarchy import DisjointSet

    names = sorted(set(videos) - {""})
    of_real = set(videos[(targets == REAL).fillna(False)]) - {""}
    leaves = {name: posixpath.basename(name) for name in names}
    # Without its compression: another one is the same video.
    of_video = {_COMPRESSION.sub("/", name) for name in of_real}
    has_own_name = len({leaves[name] for name in of_real}) == len(of_video)
    linked = DisjointSet(names)
    for name in names:
        made_of = _originals(leaves[name])[:num_originals]
        for video in made_of or ([leaves[name]] if has_own_name else []):
            number = _NUMBER.fullmatch(video)
            linked.add(key := f"\0{number[1] if number else video}")
            linked.merge(name, key)
    first: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name not in of_real, name)):
        first.setdefault(linked[name], name)
    return videos.map({name: first[linked[name]] for name in names} | {"": ""})


def _originals(name: str) -> list[str]:
    """Return the videos that a forgery is named after, the one that it shows first."""
    if two := _OF_TWO.fullmatch(name):
        return [two[1] + (two[3] or ""), two[2] + (two[3] or "")]
    one = _OF_IDENTITY.fullmatch(name)
    return [f"{one[1]}_{one[2]}"] if one else []


def _keep_apart(groups: pd.Series, subset: pd.Series) -> pd.Series:
    """Do not call a train and a val folder of one name the same video, but say that there are."""
    sides = [set(groups[subset == name]) - {""} for name in ("train", "val")]
    if shared := sorted(sides[0] & sides[1]):
        logger.warning(
            "%d of %d sub-folders of validation have their name, or a forgery made from them, in "
            "training: %s. If they are the same videos, validation is too easy: "
            "ingestion.from_path=folder refuses them",
            len(shared),
            len(sides[1]),
            show_examples(shared),
        )
    return (subset + ":" + groups).where(groups != "", "")


def _fill_kinds(table: pd.DataFrame, folders: pd.Series) -> pd.Series:
    """Take the first folder below the class folder of forgeries for their kind."""
    is_open = (table["kind"] == "") & (table["target"] == FAKE).fillna(False).astype(bool)
    first = folders.fillna("").where(is_open, "").str.partition("/")[0]
    first = first.where(first.str.contains(r"[^\W\d]", regex=True), "")
    counts = first[first != ""].value_counts()
    if not 0 < len(counts) <= _MOST_KINDS:
        return table["kind"]
    shown = (f"{name} ({count:,})" for name, count in counts.items())
    logger.info("kinds of forgery by their sub-folders: %s", ", ".join(shown))
    return table["kind"].mask(is_open, first)
