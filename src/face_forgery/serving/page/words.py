"""What the page says, in English and Chinese."""

LANGUAGES = {"English": "en", "中文": "zh"}

WORDS = {
    "en": {
        "title": "Is this image a forgery?",
        "lead": "Drop images of faces. They stay on this machine, and nothing is kept.",
        "drop": "Images",
        "judge": "Judge",
        "clear": "Clear",
        "language": "Language",
        "fake": "Judged a forgery",
        "real": "Judged real",
        "unsure": "Cannot be told: unsure",
        "bad": "Cannot be judged",
        "score": "score",
        "scale": "0 is real, 1 is forged",
        "limits": "An image is called a forgery from {fake:.3f} on and real below {real:.3f}. On "
        "images that were held back, {fpr:.1%} of {num_real} real ones were called forgeries, "
        "and {tpr:.1%} of {num_fake} forgeries were found.",
        "evidence": "This is evidence, not proof: kinds of forgeries that the detector has never "
        "seen may pass as real.",
        "heat": "Vermilion speaks for forged, blue for real.",
        "face": "face",
        "csv": "Download as CSV",
        "too_many": "{given} images are more than the {limit} that are judged at once; the first "
        "{limit} were.",
        "nothing": "Drop at least one image.",
        "missing": "The file is gone; drop it again.",
        "unreadable": "The file is not an image that can be read.",
        "too_large": "The image has too many pixels; reduce it.",
        "too_small": "The image or the face in it is too small.",
        "no_face": "No face was found in it.",
        "too_blurry": "The face is too blurred.",
    },
    "zh": {
        "title": "这张图片是伪造的吗？",
        "lead": "把人脸图片拖到这里。图片不会离开本机，也不会被保留。",
        "drop": "图片",
        "judge": "检测",
        "clear": "清空",
        "language": "语言",
        "fake": "判定为伪造",
        "real": "判定为真实",
        "unsure": "无法确定",
        "bad": "无法检测",
        "score": "分数",
        "scale": "0 为真实，1 为伪造",
        "limits": "分数不低于 {fake:.3f} 判为伪造，低于 {real:.3f} 判为真实。在未参与训练的图片上，"
        "{num_real} 张真实图片中有 {fpr:.1%} 被误判为伪造，"
        "{num_fake} 张伪造图片中有 {tpr:.1%} 被发现。",
        "evidence": "这是线索，不是证明：检测器从未见过的伪造方式可能被判为真实。",
        "heat": "橙色支持伪造，蓝色支持真实。",
        "face": "人脸",
        "csv": "下载 CSV",
        "too_many": "共 {given} 张图片，一次最多检测 {limit} 张；只检测了前 {limit} 张。",
        "nothing": "请至少放入一张图片。",
        "missing": "文件已不存在，请重新放入。",
        "unreadable": "这个文件不是可以读取的图片。",
        "too_large": "图片像素过多，请缩小后再试。",
        "too_small": "图片或其中的人脸太小。",
        "no_face": "没有找到人脸。",
        "too_blurry": "人脸太模糊。",
    },
}
