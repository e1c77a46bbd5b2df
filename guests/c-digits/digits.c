// A command, in C: says which digit the picture on stdin shows, by wasi_ephemeral_nn and the model `digits` of the app.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NN(name) __attribute__((import_module("wasi_ephemeral_nn"), import_name(#name)))

static const char HEAD[] = "P5\n8 8\n255\n";
enum { HEAD_LENGTH = sizeof HEAD - 1, PIXELS = 64, DIGITS = 10 };
// The type of a byte, in the list of the interface's later drafts.
enum { TYPE_OF_BYTE = 3 };
// The caller's fault, not the program's.
enum { EXIT_OF_DATA = 65 };

typedef struct {
  const uint32_t *dimensions;
  uint32_t rank;
  uint8_t type;
  const uint8_t *data;
  uint32_t length;
} tensor_t;

NN(load_by_name) uint32_t nn_load_by_name(const char *name, uint32_t length, uint32_t *graph);
NN(init_execution_context) uint32_t nn_init_execution_context(uint32_t graph, uint32_t *context);
NN(set_input) uint32_t nn_set_input(uint32_t context, uint32_t index, const tensor_t *tensor);
NN(compute) uint32_t nn_compute(uint32_t context);
NN(get_output) uint32_t nn_get_output(uint32_t context, uint32_t index, uint8_t *buffer, uint32_t room, uint32_t *written);

static void check(const char *what, uint32_t error) {
  if (error == 0) return;
  fprintf(stderr, "%s: error %u\n", what, (unsigned)error);
  exit(1);
}

int main(void) {
  static const uint32_t dimensions[] = {1, 8, 8, 1};
  uint8_t picture[HEAD_LENGTH + PIXELS + 1], scores[DIGITS];
  size_t length = fread(picture, 1, sizeof picture, stdin);
  if (length != HEAD_LENGTH + PIXELS || memcmp(picture, HEAD, HEAD_LENGTH) != 0) {
    fputs("a picture is PGM, 8 by 8 pixels\n", stderr);
    return EXIT_OF_DATA;
  }
  uint32_t graph, context, written;
  check("load_by_name", nn_load_by_name("digits", strlen("digits"), &graph));
  check("init_execution_context", nn_init_execution_context(graph, &context));
  tensor_t input = {dimensions, 4, TYPE_OF_BYTE, picture + HEAD_LENGTH, PIXELS};
  check("set_input", nn_set_input(context, 0, &input));
  check("compute", nn_compute(context));
  check("get_output", nn_get_output(context, 0, scores, sizeof scores, &written));
  int best = 0;
  for (int digit = 1; digit < DIGITS; digit++) {
    if (scores[digit] > scores[best]) best = digit;
  }
  printf("%d", best);
  return 0;
}
