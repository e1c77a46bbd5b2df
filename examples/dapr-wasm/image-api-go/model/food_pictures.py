"""Draws the pictures that `make_food.py` learns from: food of an emoji font on all sorts of backgrounds.

Needs NumPy, Pillow and scikit-image (for a few CC0 or public domain photographs), and no TensorFlow,
so that drawing can run beside the training in a process of its own.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

SIDE = 96
"""Width and height of the model's input in pixels."""

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
"""Where Debian's package `fonts-noto-color-emoji` (SIL Open Font License 1.1) puts the font."""

GLYPH_SIZE = 109
"""The only size that this bitmap font has."""

BACKGROUND = "background"

# Each class has one drawing, but for a few that have two. Food that a turn or a change of hue makes
# equal to another class (tangerine and peach, butter and cheese, …) is left out on one side.
FOODS = {
    "apple": "🍎🍏", "pear": "🍐", "orange": "🍊", "lemon": "🍋", "banana": "🍌", "watermelon": "🍉",
    "grapes": "🍇", "strawberry": "🍓", "cherries": "🍒", "peach": "🍑", "pineapple": "🍍", "mango": "🥭",
    "kiwi fruit": "🥝", "blueberries": "🫐", "coconut": "🥥", "avocado": "🥑", "tomato": "🍅",
    "eggplant": "🍆", "potato": "🥔", "carrot": "🥕", "corn": "🌽", "chili pepper": "🌶", "cucumber": "🥒",
    "broccoli": "🥦", "mushroom": "🍄", "bread": "🍞", "croissant": "🥐", "baguette": "🥖", "pretzel": "🥨",
    "bagel": "🥯", "pancakes": "🥞", "waffle": "🧇", "cheese": "🧀", "chicken leg": "🍗", "steak": "🥩",
    "bacon": "🥓", "hamburger": "🍔", "french fries": "🍟", "pizza": "🍕", "hot dog": "🌭",
    "sandwich": "🥪", "taco": "🌮", "burrito": "🌯", "fried egg": "🍳", "salad": "🥗", "popcorn": "🍿",
    "rice": "🍚", "ramen": "🍜", "spaghetti": "🍝", "sushi": "🍣", "fried shrimp": "🍤",
    "ice cream": "🍦🍨", "doughnut": "🍩", "cookie": "🍪", "cake": "🎂🍰", "cupcake": "🧁", "pie": "🥧",
    "chocolate": "🍫", "lollipop": "🍭", "coffee": "☕",
}  # fmt: skip
LABELS = [BACKGROUND, *FOODS]

# Blocks of emoji that are no food; what is food in them is taken out by `NEITHER` and `FOODS`.
OTHER_BLOCKS = [
    (0x1F300, 0x1F321), (0x1F331, 0x1F344), (0x1F380, 0x1F393), (0x1F3A0, 0x1F3D3), (0x1F3E0, 0x1F3F0),
    (0x1F400, 0x1F4FC), (0x1F525, 0x1F52E), (0x1F600, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F7E0, 0x1F7EB),
    (0x1F916, 0x1F91F), (0x1F930, 0x1F94F), (0x1F980, 0x1F9AE), (0x1F9E0, 0x1F9FF), (0x1FA80, 0x1FA86),
]  # fmt: skip
OTHER_SINGLES = "🍽🍴🥄🔴🔵⚽⛄⛵⭐❤✂✈⌚☎☀☂☃"
# Food or too like food to be called none; also crabs and fish, which are both.
NEITHER = set("🌰🌶🌽🍄🎂🎃🦀🦐🦑🦞🦪🥂🥃🥤🥛🐟🐠🌭🌮🌯")
HELD_OUT_EVERY = 5

# Photographs that scikit-image ships and calls CC0 or public domain, without food in them.
TRAIN_PHOTOS = [
    "astronaut.png", "brick.png", "camera.png", "cell.png", "clock_motion.png", "grass.png",
    "hubble_deep_field.jpg", "microaneurysms.png", "retina.jpg", "text.png",
]  # fmt: skip
HELD_OUT_PHOTOS = ["chelsea.png", "rocket.jpg", "gravel.png", "horse.png"]


@dataclass
class Stock:
    """What one split draws from: food, other emoji, photographs and the kinds of made-up background."""

    foods: list
    others: list
    photos: list
    kinds: list


def glyph(character, font):
    """The character as a cropped RGBA picture; None where the font hasn't got it."""
    picture = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(picture).text((8, 8), character, font=font, embedded_color=True)
    box = picture.getchannel("A").getbbox()
    return picture.crop(box) if box else None


def load_stock(split, font_path=FONT):
    """The stock of `train` or `held_out`. Food is in both; nothing else is."""
    font = ImageFont.truetype(str(font_path), GLYPH_SIZE, layout_engine=ImageFont.Layout.BASIC)
    foods = [[glyph(c, font) for c in characters] for characters in FOODS.values()]
    eaten = NEITHER | set("".join(FOODS.values()))
    characters = [chr(c) for first, last in OTHER_BLOCKS for c in range(first, last + 1)]
    characters = [c for c in characters + list(OTHER_SINGLES) if c not in eaten]
    others = [g for g in (glyph(c, font) for c in characters) if g]
    folder = Path(skimage.__file__).parent / "data"
    held_out = split == "held_out"
    return Stock(
        foods=foods,
        others=[g for i, g in enumerate(others) if (i % HELD_OUT_EVERY == 0) == held_out],
        photos=[small_photo(folder / name) for name in (HELD_OUT_PHOTOS if held_out else TRAIN_PHOTOS)],
        kinds=[stripes, dots] if held_out else [plain, plain, gradient, noise, checker],
    )


def small_photo(path):
    photograph = Image.open(path).convert("RGB")
    photograph.thumbnail((400, 400))
    return photograph


def colour(rng):
    """A colour; every third is pale, as walls, plates and tables are."""
    low = 180 if rng.random() < 0.35 else 0
    return tuple(int(v) for v in rng.integers(low, 256, 3))


def plain(rng, width, height):
    return Image.new("RGB", (width, height), colour(rng))


def gradient(rng, width, height):
    ramp = Image.linear_gradient("L").rotate(rng.integers(0, 360), Image.Resampling.BILINEAR, fillcolor=128)
    return Image.composite(
        plain(rng, width, height), plain(rng, width, height), ramp.crop((40, 40, 216, 216)).resize((width, height))
    )


def noise(rng, width, height):
    """Cloth, wood, marble: noise between two colours, coarse or fine, often drawn out in one direction."""
    cells = (int(rng.integers(2, 40)), int(rng.integers(2, 40)), 3 if rng.random() < 0.3 else 1)
    mix = rng.random(cells)
    first, second = np.array(colour(rng)), np.array(colour(rng))
    small = Image.fromarray((first * mix + second * (1 - mix)).astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def checker(rng, width, height):
    step = int(rng.integers(4, 30))
    y, x = np.mgrid[0:height, 0:width] // step
    pattern = ((x + y) % 2)[..., None]
    return Image.fromarray((np.array(colour(rng)) * pattern + np.array(colour(rng)) * (1 - pattern)).astype(np.uint8))


def stripes(rng, width, height):
    y, x = np.mgrid[0:height, 0:width]
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 30)
    pattern = (np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period) > 0)[..., None]
    return Image.fromarray((np.array(colour(rng)) * pattern + np.array(colour(rng)) * (1 - pattern)).astype(np.uint8))


def dots(rng, width, height):
    picture = plain(rng, width, height)
    draw, ink, radius = ImageDraw.Draw(picture), colour(rng), int(rng.integers(2, 9))
    for _ in range(int(rng.integers(10, 60))):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    return picture


def photo(rng, photos, width, height):
    """A random part of a photograph; a grey one is often tinted."""
    whole = photos[rng.integers(len(photos))]
    share = rng.uniform(0.15, 1.0)
    w, h = max(8, int(whole.width * share)), max(8, int(whole.height * share))
    x, y = int(rng.integers(0, whole.width - w + 1)), int(rng.integers(0, whole.height - h + 1))
    part = whole.resize((width, height), Image.Resampling.BILINEAR, (x, y, x + w, y + h))
    if rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.4:
        part = Image.blend(part, plain(rng, width, height), rng.uniform(0.1, 0.5))
    return part


def background(rng, stock, width, height, photo_share):
    if rng.random() < photo_share:
        picture = photo(rng, stock.photos, width, height)
    else:
        picture = stock.kinds[rng.integers(len(stock.kinds))](rng, width, height)
    if rng.random() < 0.35:
        lay_plate(rng, picture)
    return picture


def lay_plate(rng, picture):
    """A disc or a rectangle under the food: a plate, a tray, a table's edge."""
    draw, (w, h) = ImageDraw.Draw(picture), picture.size
    half_w, half_h = w * rng.uniform(0.2, 0.6), h * rng.uniform(0.2, 0.6)
    x, y = w * rng.uniform(0.3, 0.7), h * rng.uniform(0.3, 0.7)
    shape = draw.ellipse if rng.random() < 0.7 else draw.rectangle
    shape((x - half_w, y - half_h, x + half_w, y + half_h), fill=colour(rng))
    if rng.random() < 0.5:
        shape((x - half_w * 0.75, y - half_h * 0.75, x + half_w * 0.75, y + half_h * 0.75), fill=colour(rng))


def shift_hue(picture, steps):
    """Turns the hue by `steps` of 256 and leaves the transparency."""
    alpha = picture.getchannel("A")
    table = [(i + steps) % 256 for i in range(256)] + 2 * list(range(256))
    turned = picture.convert("RGB").convert("HSV").point(table).convert("RGB")
    turned.putalpha(alpha)
    return turned


def place(rng, picture, drawing, size, spread):
    """Puts `drawing` on the picture, its longer side about `size` pixels, turned, mirrored and recoloured a little."""
    stretch = rng.uniform(0.8, 1.25)
    scale = size / max(drawing.size)
    w, h = max(4, int(drawing.width * scale * stretch)), max(4, int(drawing.height * scale / stretch))
    drawing = drawing.resize((w, h), Image.Resampling.BILINEAR)
    if rng.random() < 0.3:
        drawing = shift_hue(drawing, int(rng.integers(-7, 8)))
    if rng.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = rng.uniform(-180, 180) if rng.random() < 0.2 else rng.normal(0, 18)
    drawing = drawing.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    x = int(picture.width * (0.5 + rng.uniform(-spread, spread)) - drawing.width / 2)
    y = int(picture.height * (0.5 + rng.uniform(-spread, spread)) - drawing.height / 2)
    if rng.random() < 0.3:
        shade = drawing.getchannel("A").point([i * 2 // 5 for i in range(256)]).filter(ImageFilter.BoxBlur(2))
        picture.paste((0, 0, 0), (x + int(rng.integers(-5, 6)), y + int(rng.integers(0, 6))), shade)
    picture.paste(drawing, (x, y), drawing)


def place_others(rng, picture, stock, most, low, high):
    for _ in range(int(rng.integers(0, most + 1))):
        drawing = stock.others[rng.integers(len(stock.others))]
        place(rng, picture, drawing, min(picture.size) * rng.uniform(low, high), 0.5)


def place_food(rng, picture, drawings):
    """One food, or a few of the same, big enough to be what the picture is about."""
    copies = int(rng.integers(2, 5)) if rng.random() < 0.15 else 1
    for _ in range(copies):
        share = rng.uniform(0.3, 0.6) if copies > 1 else rng.uniform(0.3, 1.1)
        spread = 0.35 if copies > 1 else max(0.05, 0.45 - share * 0.4)
        drawing = drawings[rng.integers(len(drawings))]
        place(rng, picture, drawing, min(picture.size) * share, spread)


def spoil(rng, picture):
    """What cameras, programs and networks do to a picture on its way."""
    for enhance, low, high in (
        (ImageEnhance.Brightness, 0.65, 1.35),
        (ImageEnhance.Contrast, 0.65, 1.35),
        (ImageEnhance.Color, 0.6, 1.4),
    ):
        if rng.random() < 0.4:
            picture = enhance(picture).enhance(rng.uniform(low, high))
    if rng.random() < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.5)))
    if rng.random() < 0.25:
        pixels = np.asarray(picture, np.float32)
        pixels = pixels + rng.standard_normal(pixels.shape, np.float32) * rng.uniform(2, 18)
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.35:
        coded = io.BytesIO()
        picture.save(coded, "JPEG", quality=int(rng.integers(25, 92)))
        picture = Image.open(coded)
    return picture


def draw_picture(rng, stock, label):
    """One SIDE × SIDE picture of the class `label`, reduced from a larger one of another shape as a photo would be."""
    width, height = (int(v) for v in rng.integers(96, 161, 2))
    if label == 0:
        picture = background(rng, stock, width, height, 0.45)
        if rng.random() < 0.7:
            place_others(rng, picture, stock, 4, 0.2, 1.0)
    else:
        picture = background(rng, stock, width, height, 0.3)
        place_others(rng, picture, stock, 3, 0.12, 0.35)
        place_food(rng, picture, stock.foods[label - 1])
        if rng.random() < 0.15:
            place_others(rng, picture, stock, 1, 0.1, 0.2)
    # Hosts reduce pictures in different ways; the model must not mind.
    way = Image.Resampling(rng.choice([2, 2, 2, 4, 3, 0]))
    return spoil(rng, picture).resize((SIDE, SIDE), way)


def draw_set(split, seed, count, background_share, font_path=FONT):
    """`count` pictures as uint8 [count, SIDE, SIDE, 3] and their labels, always the same for the same arguments."""
    rng, stock = np.random.default_rng(seed), load_stock(split, font_path)
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    labels = rng.integers(1, len(LABELS), count)
    labels[rng.random(count) < background_share] = 0
    for i, label in enumerate(labels):
        pictures[i] = draw_picture(rng, stock, label)
    return pictures, labels.astype(np.int32)
