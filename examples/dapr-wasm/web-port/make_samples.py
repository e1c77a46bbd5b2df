"""Makes the sample pictures of the demo page, `static/samples/`, with their list and the account of their sources.

Needs, beside Python 3.11 or later:

    apt-get install fonts-noto-color-emoji        # the drawings: Noto Color Emoji, SIL Open Font License 1.1
    python3 -m venv venv-samples
    venv-samples/bin/pip install pillow==13.0.0 scikit-image==0.26.0
    venv-samples/bin/python make_samples.py       # a few seconds, from any folder

The photographs are those that scikit-image ships as CC0 or public domain. After a change, run the step
`expected` of `../image-api-go/model/make_food.py`, which notes what the model says of each picture.
"""

import json
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

SAMPLES = Path(__file__).parent / "static" / "samples"
PHOTOS = Path(skimage.__file__).parent / "data"
FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
GLYPH_SIZE = 109
"""The only size that this bitmap font has."""

MOST_BYTES = 150_000
SEED = 7
SCENE = (720, 540)

DRAWN = (
    "this project's make_samples.py, from Noto Color Emoji by Google",
    "Debian's package fonts-noto-color-emoji, Noto Color Emoji, https://github.com/googlefonts/noto-emoji",
    "Apache-2.0, as this project and the drawings of Noto Emoji; see the note on the font below",
)


def drawing(character, size):
    """An emoji of the font as RGBA, its longer side `size` pixels, its edge crisp, its transparent pixels white."""
    font = ImageFont.truetype(FONT, GLYPH_SIZE, layout_engine=ImageFont.Layout.BASIC)
    picture = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(picture).text((8, 8), character, font=font, embedded_color=True)
    picture = picture.crop(picture.getchannel("A").getbbox())
    scale = size / max(picture.size)
    shape = (round(picture.width * scale), round(picture.height * scale))
    edge = picture.getchannel("A").resize(shape, Image.Resampling.BICUBIC)
    edge = edge.filter(ImageFilter.GaussianBlur(max(scale, 1) - 0.5))
    edge = edge.point([min(max(round((v - 140) * 3 + 128), 0), 255) for v in range(256)])
    inner = bleed(picture).resize(shape, Image.Resampling.BICUBIC).filter(ImageFilter.UnsharpMask(2, 60, 2))
    white = Image.new("RGB", shape, "white")
    crisp = Image.composite(inner, white, edge.point([255 if v else 0 for v in range(256)]))
    crisp.putalpha(edge)
    return crisp


def bleed(picture):
    """The colours of an RGBA picture, carried on over its rim, where the font's own are mixed from almost nothing."""
    carried = picture.copy()
    for radius in (6, 3, 1.5):
        blurred = picture.convert("RGBa").filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        carried.paste(blurred, mask=blurred.getchannel("A").point([255 if v > 8 else 0 for v in range(256)]))
    solid = picture.getchannel("A").point([255 if v > 250 else 0 for v in range(256)])
    return Image.composite(picture, carried, solid).convert("RGB")


def shadow(picture, mask, corner, offset, blur, strength):
    """Darkens the picture under what `mask` covers, moved and blurred, as light from the upper left does."""
    shade = Image.new("L", picture.size)
    shade.paste(mask, (corner[0] + offset, corner[1] + offset), mask)
    shade = shade.filter(ImageFilter.GaussianBlur(blur)).point(lambda v: v * strength)
    picture.paste((20, 10, 5), mask=shade)


def lay(picture, thing, centre, offset=8, blur=9, strength=0.45):
    """Puts an RGBA thing on the picture with its shadow."""
    corner = (centre[0] - thing.width // 2, centre[1] - thing.height // 2)
    shadow(picture, thing.getchannel("A"), corner, offset, blur, strength)
    picture.paste(thing, corner, thing)


def wooden_table(rng, size):
    """Planks of wood: fine noise drawn out along the grain, a tint for each plank, dark joints."""
    width, height = size
    grain = np.zeros((height, width))
    for rows, columns, weight in ((height // 3, 6, 10), (height // 12, 3, 14), (height, 40, 5)):
        layer = Image.fromarray(rng.normal(0, 1, (rows, columns)).astype(np.float32))
        grain += weight * np.asarray(layer.resize(size, Image.Resampling.BICUBIC))
    plank = height // 5
    tint = np.repeat(rng.normal(0, 7, 6), plank)[:height, None]
    joint = np.where(np.arange(height) % plank < 3, -45, 0)[:, None]
    shade = (grain + tint + joint)[..., None]
    return Image.fromarray(np.clip(np.array([168, 118, 74]) + shade * [1, 0.85, 0.65], 0, 255).astype(np.uint8))


def linen_cloth(rng, size):
    """A blue and white checked cloth with a weave."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    bands = (x // 45 % 2 + y // 45 % 2)[..., None] / 2
    cloth = np.array([242, 244, 246]) * (1 - bands) + np.array([104, 146, 190]) * bands
    weave = rng.normal(0, 3, (height, width, 1)) + 3 * ((x + y) % 3 == 0)[..., None]
    return Image.fromarray(np.clip(cloth + weave, 0, 255).astype(np.uint8))


def plate(diameter):
    """A white plate seen from above, drawn at four times its size for smooth edges."""
    big = diameter * 4
    picture = Image.new("RGBA", (big, big))
    draw = ImageDraw.Draw(picture)
    rings = ((0.0, (226, 228, 230)), (0.012, (250, 250, 249)), (0.15, (219, 221, 223)), (0.162, (243, 243, 241)))
    for inset, paint in rings:
        draw.ellipse((big * inset, big * inset, big * (1 - inset) - 1, big * (1 - inset) - 1), fill=(*paint, 255))
    return picture.resize((diameter, diameter), Image.Resampling.LANCZOS)


def plate_scene(rng, ground, character, turn=0):
    """A laid table: the plate with one food on it, knife and fork at the right."""
    scene = ground(rng, SCENE)
    lay(scene, plate(470), (330, 270), 12, 14, 0.5)
    food = drawing(character, 330).rotate(turn, Image.Resampling.BICUBIC, expand=True)
    lay(scene, food, (330, 268), 6, 7, 0.35)
    lay(scene, drawing("🍴", 250), (645, 280), 5, 5, 0.4)
    return scene


def bouncing(character, frames=12, side=160):
    """A small animation: the food hops on a plain ground and leans as it goes."""
    food = drawing(character, 104)
    pictures = []
    for i in range(frames):
        phase = 2 * np.pi * i / frames
        scene = Image.new("RGB", (side, side), (255, 244, 214))
        height = round(26 * abs(np.sin(phase)))
        half = 44 - height // 2
        ImageDraw.Draw(scene).ellipse((80 - half, 138, 80 + half, 150), fill=(226, 208, 170))
        leaning = food.rotate(9 * np.cos(phase), Image.Resampling.BICUBIC, expand=True)
        scene.paste(leaning, (80 - leaning.width // 2, 146 - height - leaning.height), leaning)
        pictures.append(scene)
    return pictures


def photograph(name, width):
    picture = Image.open(PHOTOS / name).convert("RGB")
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


def from_scikit_image(name, author, source, licence, changed):
    return author, f"{source}; the file {name} of the PyPI package scikit-image 0.26.0", licence, changed


def samples():
    """Each picture: file, title, text for who can't see it, how it is saved, and author, source, licence, changes."""
    rng = np.random.default_rng(SEED)
    jpeg = {"quality": 86, "optimize": True, "progressive": False}
    bounce = bouncing("🍩")
    burger = ImageOps.expand(drawing("🍔", 330), 18, (255, 255, 255, 0))
    return [
        ("pizza.jpg", "Pizza", "A slice of pizza on a white plate, on a wooden table",
         plate_scene(rng, wooden_table, "🍕"), jpeg, (*DRAWN, "enlarged, laid on a drawn plate and table")),
        ("hot-dog.jpg", "Hot dog", "A hot dog with mustard on a white plate, on a checked cloth",
         plate_scene(rng, linen_cloth, "🌭", -8), jpeg, (*DRAWN, "enlarged, turned, laid on a drawn plate and cloth")),
        ("hamburger.png", "Hamburger", "A hamburger with cheese and salad; the ground is transparent",
         burger, {"optimize": True}, (*DRAWN, "enlarged; RGBA")),
        ("cat.jpg", "Cat", "The face of Chelsea, a tabby cat, photographed",
         photograph("chelsea.png", 451), jpeg, from_scikit_image(
             "chelsea.png", "Stefan van der Walt", "scikit-image, `skimage.data.chelsea`",
             "CC0, as its entry there states", "saved as JPEG")),
        ("rocket.jpg", "Rocket", "A Falcon 9 rocket on its launch pad at dusk, photographed",
         photograph("rocket.jpg", 640), jpeg, from_scikit_image(
             "rocket.jpg", "SpaceX",
             "https://www.flickr.com/photos/spacexphotos/16511594820 by `skimage.data.rocket`",
             "public domain, as its entry there states", "saved again as JPEG")),
        ("doughnut.gif", "Doughnut, moving", "A doughnut with chocolate icing that hops",
         bounce[0], {"save_all": True, "append_images": bounce[1:], "duration": 70, "loop": 0, "optimize": True},
         (*DRAWN, f"made smaller; {len(bounce)} frames with a palette")),
    ]  # fmt: skip


def main():
    SAMPLES.mkdir(parents=True, exist_ok=True)
    listed, account = [], SOURCES_HEAD
    for file, title, alt, picture, options, (author, source, licence, changed) in samples():
        picture.save(SAMPLES / file, **options)
        size = (SAMPLES / file).stat().st_size
        assert size <= MOST_BYTES, f"{file} has {size} bytes"
        listed.append({"file": file, "title": title, "alt": alt})
        account += f"| `{file}` | {author} | {source} | {licence} | {changed} |\n"
        print(file, picture.size, size)
    (SAMPLES / "samples.json").write_text(json.dumps(listed, indent=2) + "\n")
    (SAMPLES / "SOURCES.md").write_text(account + SOURCES_TAIL)


SOURCES_HEAD = """# Sources of the sample pictures

Written by `make_samples.py`, which makes every file here. No licence asks for these names; they are due all the same.

| file | author | source | licence | what was changed |
|---|---|---|---|---|
"""

SOURCES_TAIL = """
The font, Noto Color Emoji, is under the SIL Open Font License 1.1. That licence binds the font itself, not what is made
with it, and no file here contains the font.
"""

if __name__ == "__main__":
    main()
