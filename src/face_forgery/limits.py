"""The most that is taken of what strangers send: one table, checked before memory is taken.

``docs/security.md`` says which test holds each. Limits of requests are beside their servers.
"""

import os

MAX_MESSAGE = 2000  # characters of an error that quotes a file; its beginning and its end stay

# An image. Photographs of 100 megapixels are honest; each takes up to 16 bytes a pixel.
DEFAULT_PIXELS, PIXELS_VARIABLE = 2**27, "FACE_FORGERY_MAX_PIXELS"
MAX_SCANS = 100  # of a JPEG; encoders write about ten
MAX_BLOCKS = 1000  # before its image: segments, chunks, boxes; cameras write up to a hundred
MAX_PACKED_BLOCKS = 64  # of these, packed texts and profiles, and parts of EXIF
MAX_BLOCK_BYTES = 2**16  # of a header of PPM; 16 times that of the comments of a GIF
MAX_TILES = 2**14  # of a JPEG 2000, times its channels; 100 megapixels in tiles of 256 are 4,600
MIN_CODE_BLOCK, MIN_PRECINCT = 16, 32  # pixels of a side, of a JPEG 2000; encoders write 64, 128
MAX_TILE_PIXELS = 2**22  # of a TIFF whose tiles are larger than itself
MAX_TEXT_MEMORY = 2**22  # characters of the texts of a PNG
MAX_TAG_NUMBERS = 2**15  # of an EXIF or TIFF tag; a strip a row of 100 megapixels are 12,000
MAX_TAG_SLACK = 2**16  # bytes that an honest directory may hold beyond those of its file
MAX_SIGNED_BYTES = 2**26  # of a file whose C2PA manifest is read
MAX_CLAIM = 100  # characters of what an image says of its origin
MAX_DOWNLOAD = 2**30  # bytes of an image at a URL

# A video
MAX_SAMPLES = 10**7  # that tables of MP4 and MOV claim; 24 h at 60 frames a second have 9.2 M
MAX_TABLES_BYTES = 2**27  # of these tables; those of 24 h have up to 150 MB, mostly less
MAX_BOXES = 2**20  # outermost ones of MP4 and MOV; an hour of fragments of one frame has 432,000
MAX_TRACKS = 1000  # as FFmpeg's own limit
MAX_RUNS, MAX_TWINS = 10_000, 8  # tables of samples of a fragment, any other table of a track

# A table
MAX_COLUMNS = 1000  # honest ones have up to a few dozen
MAX_LABEL_FILES = 1000  # of a folder; DFDC has a file for each of 50 parts
MAX_LABEL_BYTES = 2**28  # of each; frames of FaceForensics++ as DeepfakeBench lists them have 20 MB
MAX_LINE = 2**20  # characters of a line of a list of images
MAX_ROWS = 10**7  # of a Parquet table; the largest public sets have a few million images
MAX_UNPACKED, MAX_RATIO = 2**26, 2000  # bytes of any, and for each byte of its file; honest: 900
MAX_PACKED_IMAGE = 2**28  # bytes of an image of a packed set
MAX_PACKED_RATIO = 20  # beside MAX_UNPACKED, bytes of images for each byte of a shard; honest: 1
MAX_TABLE_PARTS = 2**16  # of a list in its footer; 10,000,000 rows by 1,000 are 10,000 groups

# A detector
MAX_GRAPH_BYTES = 2**26  # of an int8 network; a ResNet-18 has 130 KB, the largest of timm a few MB
MAX_ACTIVATIONS = 2**28  # numbers between two of its layers, of one image
MAX_JSON_BYTES = 2**22  # of meta.json and config.json
MAX_JSON_DEPTH = 50  # of lists and mappings in one another; a description has five levels
MAX_OPTIONS = 10_000  # characters of timm's options
MAX_MEMBERS = 64  # of an ensemble
MAX_UNSEEN_WEIGHTS = 2**30  # bytes; larger ones are read once their network is known to be as large
MAX_WINDOW = 32  # of attention, among timm's options; its widest have 24
MAX_OPTION = 2**16  # of a number among timm's options; its widest layers have a quarter of that
MAX_TENSOR = 2**29  # numbers within a network; attention at 1,300 pixels has as many
MAX_BUFFERS = 2**23  # fixed numbers beyond as many as weights; the largest have a tenth of these
MAX_FLOPS = 2 * 10**13  # of an image; a billion weights take 3 * 10**12 at 518 pixels
MAX_IMAGE_SIDE = 2048  # pixels of a network's input
MAX_PICKLE_BYTES = 2**23  # of a checkpoint; a tensor takes about 170
MAX_PICKLE_REPEATS = 2**22  # values and characters, put anew; 10,000 tensors repeat 200,000
MAX_PICKLE_DEPTH, MAX_PICKLE_INTEGER = 100, 2**64
MAX_LAYERS, MAX_LAYERS_A_WEIGHT = 3000, 5  # timm's largest have 3,000; a truncated one had more

# A face detector in ONNX; YuNet has 115 steps, and enlarges twofold
MAX_FACE_MODEL = 2**24  # bytes; YuNet has 230,000 to 1,300,000
MAX_FACE_STEPS, MAX_FACE_SCALE = 1000, 2

# A request
MAX_DIGITS = 1000  # of a number in JSON


def max_pixels() -> int:
    """Return how many pixels an image or a frame may have.

    Raises:
        ValueError: If ``FACE_FORGERY_MAX_PIXELS`` is no whole number above 0.
    """
    given = os.environ.get(PIXELS_VARIABLE, "")
    if given and not (given.isascii() and given.isdigit() and int(given)):
        raise ValueError(f"{PIXELS_VARIABLE}={given!r} must be a whole number of pixels, 1 or more")
    return int(given or DEFAULT_PIXELS)
