"""Says which digit a picture shows: PGM of 8 by 8 pixels, and the model `digits` of the app."""

from pillion_sdk import http, nn
from pillion_sdk.http import Response

HEAD = b"P5\n8 8\n255\n"
PIXELS = 64


def digit(picture: bytes) -> Response:
    if not picture.startswith(HEAD) or len(picture) != len(HEAD) + PIXELS:
        return http.text(422, "a picture is PGM, 8 by 8 pixels")
    scores = nn.infer("digits", [1, 8, 8, 1], nn.TensorType.U8, picture[len(HEAD) :])
    return http.text(200, str(scores.index(max(scores))))
