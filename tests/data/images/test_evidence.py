"""What a file says of its origin: read from every format, bounded, safe to show, never fetched."""

import datetime
import io
import json
import socket
import struct
import sys
import time

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from face_forgery.data.images import evidence
from face_forgery.data.images.evidence import _C2PA_BOX, read_evidence

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {} >{}
</rdf:Description></rdf:RDF></x:xmpmeta>"""
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ATTRIBUTE = XMP.format(f'Iptc4xmpExt:DigitalSourceType="{SOURCE}"', "")
ELEMENT = XMP.format("", f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}</Iptc4xmpExt:DigitalSourceType>")
RESOURCE = XMP.format("", f'<plus:DigitalSourceType rdf:resource="{SOURCE}"/>')


def with_exif(make="Canon", model="Canon EOS R5", software="Photoshop 26", **extra):
    exif = Image.Exif()
    for tag, value in {"Make": make, "Model": model, "Software": software, **extra}.items():
        exif[ExifTags.Base[tag]] = value
    return exif


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_camera_and_software_are_read_from_every_format(make_picture, encode, file_format):
    data = encode(make_picture(), file_format, exif=with_exif())
    assert read_evidence(data) == {"camera": "Canon EOS R5", "software": "Photoshop 26"}
    other = encode(make_picture(), file_format, exif=with_exif("NIKON", "Z 6", ""))
    assert read_evidence(other) == {"camera": "NIKON Z 6"}


def test_big_endian_exif_and_text_of_four_letters_are_read(make_picture, encode):
    entries = struct.pack(">HHI4s", 0x010F, 2, 4, b"LG\0\0") + struct.pack(
        ">HHII", 0x0110, 2, 6, 38
    )
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + entries + b"\0" * 4 + b"G8 ok\0"
    assert read_evidence(encode(make_picture(), exif=exif)) == {"camera": "LG G8 ok"}


@pytest.mark.parametrize("xmp", [ATTRIBUTE, ELEMENT, RESOURCE])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_the_source_type_is_read_however_it_is_written(make_picture, encode, xmp, file_format):
    if file_format == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp)
        data = encode(make_picture(), "PNG", pnginfo=text)
    else:
        data = encode(make_picture(), file_format, xmp=xmp.encode())
    assert read_evidence(data) == {"source_type": "trainedAlgorithmicMedia"}


def test_software_is_also_read_from_xmp_and_the_text_of_a_png(make_picture, encode):
    xmp = XMP.format('xmp:CreatorTool="GIMP 3.0"', "").encode()
    assert read_evidence(encode(make_picture(), xmp=xmp)) == {"software": "GIMP 3.0"}
    text = PngInfo()
    text.add_text("Software", "NovelAI")
    data = encode(make_picture(), "PNG", pnginfo=text)
    assert read_evidence(data) == {"software": "NovelAI"}


def test_a_file_that_says_nothing_gives_nothing(make_picture, encode):
    cut = b"\xff\xd8\xff\xe1\x00\x10Exif\0\0II*\0\xff"
    picture = make_picture()
    for data in (b"", b"no image", cut, encode(picture), encode(picture, exif=with_exif())[:30]):
        assert read_evidence(data) == {}


def test_what_a_stranger_wrote_is_one_short_printable_line(make_picture, encode):
    exif = with_exif("", "a\nb\x1b[31m\u202ec\0hidden", "x" * 5000)
    found = read_evidence(encode(make_picture(), exif=exif))
    assert all(text.isprintable() and len(text) <= 100 for text in found.values())
    assert found["camera"].startswith("a b")
    assert "hidden" not in found["camera"]


TAG = struct.pack("<HHII", 0x0110, 2, 60_000, 8)  # Pillow would copy 60 KB for each


@pytest.mark.parametrize(
    ("head", "part", "number"),
    [
        (b"Exif\0\0II*\0" + struct.pack("<IH", 8, 5000), TAG, 5000),
        *((b"", part, 300_000) for part in (b"DigitalSourceType", SOURCE.encode()[-60:])),
        *((b"", part, 500_000) for part in (b"CreatorTool>", b"Exif\0\0II*\0")),
    ],
)
def test_parts_that_overlap_or_are_repeated_cost_no_time(head, part, number):
    start = time.perf_counter()
    read_evidence(b"\xff\xd8" + head + part * number)
    assert time.perf_counter() - start < 2


@pytest.fixture(scope="module")
def signed():
    """Return a function that signs a JPEG as C2PA does, by a certificate made here."""
    c2pa = pytest.importorskip("c2pa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "signer")}
    oid = x509.NameOID

    def certify(name, *extensions):
        subject, issuer = (
            x509.Name(
                [
                    x509.NameAttribute(oid.ORGANIZATION_NAME, "Test\u202e Org"),
                    x509.NameAttribute(oid.COMMON_NAME, one),
                ]
            )
            for one in (name, "root")
        )
        public = keys[name].public_key()
        builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys["root"].public_key())
        for extension in (*extensions, authority):
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(keys["root"], hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)

    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    sign = x509.KeyUsage(digital_signature=True, key_cert_sign=False, **usage)
    certify_others = x509.KeyUsage(digital_signature=False, key_cert_sign=True, **usage)
    mail = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
    chain = certify("signer", x509.BasicConstraints(ca=False, path_length=None), sign, mail)
    chain += certify("root", x509.BasicConstraints(ca=True, path_length=None), certify_others)
    kind, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = keys["signer"].private_bytes(kind, layout, serialization.NoEncryption())

    def make(jpeg, *, remote=None):
        action = {"action": "c2pa.created", "digitalSourceType": SOURCE}
        manifest = {
            "claim_generator_info": [{"name": "Firefly"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None)
        file = io.BytesIO()
        with c2pa.Builder(json.dumps(manifest)) as builder, c2pa.Signer.from_info(info) as signer:
            if remote is not None:
                builder.set_no_embed()
                builder.set_remote_url(remote)
            builder.sign(signer, "image/jpeg", io.BytesIO(jpeg), file)
        return file.getvalue()

    return make


def test_a_manifest_says_who_made_the_image_and_whether_the_signature_fits(
    signed, make_picture, encode
):
    data = signed(encode(make_picture()))
    said = read_evidence(data)["c2pa"]
    assert said.startswith("made by Firefly; source type trainedAlgorithmicMedia; signed as Test")
    assert said.endswith("its signature is valid, but nobody has checked who the signer is")
    assert said.isprintable()
    changed = data[:-200] + bytes([data[-200] ^ 1]) + data[-199:]
    assert "its signature does NOT fit this file" in read_evidence(changed)["c2pa"]
    assert "cannot be read" in read_evidence(data[:2000])["c2pa"]


def test_no_manifest_elsewhere_is_fetched(signed, make_picture, encode):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/manifest"
        data = signed(encode(make_picture()), remote=url)
        assert url.encode() in data
        read_evidence(data + _C2PA_BOX)  # so that it is looked at
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_manifest_of_a_large_file_is_not_read(monkeypatch):
    monkeypatch.setattr(evidence, "MAX_SIGNED_BYTES", 10)
    assert "more than 10 bytes" in read_evidence(_C2PA_BOX)["c2pa"]


def test_without_the_library_a_manifest_is_said_to_be_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert read_evidence(_C2PA_BOX) == {"c2pa": "a manifest, not read: pip install c2pa-python"}
