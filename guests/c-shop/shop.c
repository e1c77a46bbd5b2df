// Dapr, in C: a greeting, a counter, orders over HTTP that are published, and the same orders taken from their topic, a cleaner
// that a binding starts, and a job. Digits in pictures are a program of their own: guests/c-digits.
#include "dapr.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef exports_pillion_dapr_invocation_handler_request_t request_t;
typedef exports_pillion_dapr_invocation_handler_response_t response_t;
typedef exports_pillion_dapr_topic_handler_topic_event_t event_t;
typedef exports_pillion_dapr_topic_handler_topic_status_t status_t;
typedef exports_pillion_dapr_binding_handler_binding_event_t binding_event_t;
typedef exports_pillion_dapr_binding_handler_option_reply_t reply_t;
typedef exports_pillion_dapr_job_handler_job_event_t job_event_t;

// Another writer can come first so often before the caller is asked to come again.
enum { TRIES = 20 };
// What the state API answers whose key another writer changed.
enum { CONFLICT = 409 };
// Digits of the largest count, and the end of the text.
enum { NUMBER = 21 };
// Keys that one night deletes at most; the rest is for the next.
enum { KEYS = 100 };
// The longest name of a caller, or of a job.
enum { NAME = 100 };

// A text that is only read; what a call gets is never freed by it.
static dapr_string_t text(const char *words) {
  return (dapr_string_t){(uint8_t *)words, strlen(words)};
}

static bool is(dapr_string_t part, const char *words) {
  return part.len == strlen(words) && memcmp(part.ptr, words, part.len) == 0;
}

// The answer's parts are freed by the bindings: they are copies.
static bool respond(response_t *response, uint16_t status, const char *body) {
  dapr_string_t copy;
  response->status = status;
  response->headers.ptr = malloc(sizeof *response->headers.ptr);
  response->headers.len = 1;
  dapr_string_dup(&response->headers.ptr->f0, "content-type");
  dapr_string_dup(&copy, "text/plain; charset=utf-8");
  response->headers.ptr->f1 = (dapr_list_u8_t){copy.ptr, copy.len};
  dapr_string_dup(&copy, body);
  response->body = (dapr_list_u8_t){copy.ptr, copy.len};
  return true;
}

// A handler's error is the text that goes to the log.
static bool fail(dapr_string_t *error, pillion_dapr_types_error_t *cause) {
  dapr_string_dup_n(error, (const char *)cause->message.ptr, cause->message.len);
  return false;
}

static pillion_dapr_state_entry_t entry(dapr_string_t key, dapr_list_u8_t value) {
  pillion_dapr_state_entry_t entry = {.key = key, .value = value};
  entry.options.concurrency = PILLION_DAPR_STATE_CONCURRENCY_LAST_WRITE;
  return entry;
}

// Counts requests by name, and loses none when two come at once.
static bool count(dapr_string_t name, response_t *response, dapr_string_t *error) {
  dapr_string_t store = text("statestore");
  for (int tries = 0; tries < TRIES; tries++) {
    pillion_dapr_state_read_options_t options = {0};
    pillion_dapr_state_option_item_t found = {0};
    pillion_dapr_types_error_t cause;
    if (!pillion_dapr_state_get(&store, &name, &options, &found, &cause)) return fail(error, &cause);
    char number[NUMBER] = "0";
    if (found.is_some && found.val.value.len < NUMBER) memcpy(number, found.val.value.ptr, found.val.value.len);
    snprintf(number, sizeof number, "%llu", strtoull(number, NULL, 10) + 1);
    pillion_dapr_state_entry_t next = entry(name, (dapr_list_u8_t){(uint8_t *)number, strlen(number)});
    next.options.concurrency = PILLION_DAPR_STATE_CONCURRENCY_FIRST_WRITE;
    next.options.etag = (dapr_option_string_t){found.is_some, found.val.etag};
    pillion_dapr_state_list_entry_t entries = {&next, 1};
    if (pillion_dapr_state_set(&store, &entries, &cause)) return respond(response, 200, number);
    if (cause.status != CONFLICT) return fail(error, &cause);
  }
  return respond(response, 503, "too many writers");
}

static bool order(request_t *request, response_t *response, dapr_string_t *error) {
  dapr_list_u8_t body = request->body;
  if (!is(request->method, "POST")) return respond(response, 405, "POST an order");
  // Who takes the order reads it; this is to answer a mistake where it is made.
  if (body.len < 2 || body.ptr[0] != '{' || body.ptr[body.len - 1] != '}') {
    return respond(response, 400, "an order is JSON");
  }
  dapr_string_t pubsub = text("pubsub"), topic = text("orders"), type = text("application/json");
  pillion_dapr_types_metadata_t metadata = {0};
  pillion_dapr_types_error_t cause;
  if (!pillion_dapr_pubsub_publish(&pubsub, &topic, &body, &type, &metadata, &cause)) return fail(error, &cause);
  return respond(response, 202, "published");
}

static bool hello(request_t *request, response_t *response) {
  char greeting[NAME + sizeof "hello "];
  int length = request->body.len < NAME ? (int)request->body.len : NAME;
  snprintf(greeting, sizeof greeting, "hello %.*s", length, (const char *)request->body.ptr);
  return respond(response, 200, greeting);
}

bool exports_pillion_dapr_invocation_handler_handle(request_t *request, response_t *response, dapr_string_t *error) {
  static const char COUNTER[] = "/counter/";
  dapr_string_t path = request->path;
  uint8_t *query = memchr(path.ptr, '?', path.len);
  if (query) path.len = (size_t)(query - path.ptr);
  if (path.len > strlen(COUNTER) && memcmp(path.ptr, COUNTER, strlen(COUNTER)) == 0) {
    return count((dapr_string_t){path.ptr + strlen(COUNTER), path.len - strlen(COUNTER)}, response, error);
  }
  if (is(path, "/hello")) return hello(request, response);
  if (is(path, "/orders")) return order(request, response, error);
  if (is(path, "/throw")) {
    dapr_string_dup(error, "failed on purpose");
    return false;
  }
  return respond(response, 404, "hello, counter, orders or throw");
}

// Keeps the orders of a topic in the state store.
bool exports_pillion_dapr_topic_handler_handle(event_t *event, status_t *status, dapr_string_t *error) {
  dapr_string_t store = text("statestore");
  *status = PILLION_DAPR_TYPES_TOPIC_STATUS_DROP;
  if (event->data.len == 0) return true;
  pillion_dapr_state_entry_t last = entry(text("last-order"), event->data);
  pillion_dapr_state_list_entry_t entries = {&last, 1};
  pillion_dapr_types_error_t cause;
  if (!pillion_dapr_state_set(&store, &entries, &cause)) return fail(error, &cause);
  *status = PILLION_DAPR_TYPES_TOPIC_STATUS_SUCCESS;
  return true;
}

// Splits lines into keys; how many there are.
static size_t keys_of(dapr_list_u8_t lines, dapr_string_t *keys, size_t most) {
  size_t count = 0;
  uint8_t *at = lines.ptr, *end = lines.ptr + lines.len;
  while (at < end && count < most) {
    uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
    if (!line_end) line_end = end;
    if (line_end > at) keys[count++] = (dapr_string_t){at, (size_t)(line_end - at)};
    at = line_end + 1;
  }
  return count;
}

// Deletes what is old: a line of `old-carts` for each key.
bool exports_pillion_dapr_binding_handler_handle(binding_event_t *event, reply_t *reply, dapr_string_t *error) {
  (void)event;
  dapr_string_t store = text("statestore"), list = text("old-carts"), keys[KEYS + 1];
  pillion_dapr_state_read_options_t options = {0};
  pillion_dapr_state_option_item_t found = {0};
  pillion_dapr_types_error_t cause;
  if (!pillion_dapr_state_get(&store, &list, &options, &found, &cause)) return fail(error, &cause);
  size_t count = found.is_some ? keys_of(found.val.value, keys, KEYS) : 0;
  if (count > 0) {
    pillion_dapr_state_operation_t operations[KEYS + 1];
    memset(operations, 0, sizeof operations);
    keys[count] = list;
    for (size_t i = 0; i <= count; i++) {
      operations[i].tag = PILLION_DAPR_STATE_OPERATION_DELETE;
      operations[i].val.delete_.key = keys[i];
    }
    pillion_dapr_state_list_operation_t all = {operations, count + 1};
    pillion_dapr_types_metadata_t metadata = {0};
    if (!pillion_dapr_state_transact(&store, &all, &metadata, &cause)) return fail(error, &cause);
  }
  char said[sizeof "cleaned " + NUMBER];
  snprintf(said, sizeof said, "cleaned %zu", count);
  dapr_string_t copy;
  dapr_string_dup(&copy, said);
  *reply = (reply_t){.is_some = true};
  reply->val.data = (dapr_list_u8_t){copy.ptr, copy.len};
  return true;
}

// Notes that a job was done.
bool exports_pillion_dapr_job_handler_handle(job_event_t *event, dapr_string_t *error) {
  char key[NAME + sizeof "done-"];
  int length = event->name.len < NAME ? (int)event->name.len : NAME;
  snprintf(key, sizeof key, "done-%.*s", length, (const char *)event->name.ptr);
  dapr_string_t store = text("statestore");
  pillion_dapr_state_entry_t done = entry(text(key), event->data);
  pillion_dapr_state_list_entry_t entries = {&done, 1};
  pillion_dapr_types_error_t cause;
  return pillion_dapr_state_set(&store, &entries, &cause) || fail(error, &cause);
}
