// Says which digit a picture shows: PGM of 8 by 8 pixels, and the model `digits` of the app.
import * as http from 'pillion-sdk/http';
import * as nn from 'pillion-sdk/nn';

const HEAD = 'P5\n8 8\n255\n';
const PIXELS = 64;

export function digit(picture) {
  const head = String.fromCharCode(...picture.subarray(0, HEAD.length));
  const pixels = picture.subarray(HEAD.length);
  if (head !== HEAD || pixels.length !== PIXELS) return http.text(422, 'a picture is PGM, 8 by 8 pixels');
  const scores = nn.infer('digits', [1, 8, 8, 1], 'U8', pixels);
  return http.text(200, String(scores.indexOf(Math.max(...scores))));
}
