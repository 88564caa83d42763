/* Every file of tests/vectors/http_*: taken through all of proxy/http/ in one piece and cut at
 * every position, and shown to llhttp alone. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <llhttp.h>

#include "tests/unit/http_run.h"
#include "tests/unit/vector_file.h"

#define VECTORS "tests/vectors/"

static struct str octets_of(const struct vector_file *v) {
    return (struct str){v->octets, v->octet_count};
}

#define FAIL(v, ...)                                                                               \
    do {                                                                                           \
        print_error("%s: ", (v)->path);                                                            \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        fail();                                                                                    \
    } while (0)

static void run(struct http_run *out, const struct vector_file *v, bool response, size_t cut) {
    bool head = str_equal(vector_value(v, "request"), STR("HEAD"));
    if (response)
        http_run_response(out, octets_of(v), cut, head, &http_run_limits);
    else
        http_run_request(out, octets_of(v), cut, &http_run_limits);
}

/* The file's outcome; fails where a cut changes it. Long files are cut near both ends and in
 * strides of a prime. */
static struct http_run *run_every_cut(const struct vector_file *v, bool response) {
    static struct http_run whole, cut;
    size_t len = v->octet_count;
    run(&whole, v, response, len);
    for (size_t at = 0; at < len; at += at < 600 || len - at < 600 ? 1 : 97) {
        run(&cut, v, response, at);
        if (!http_run_equal(&whole, &cut)) FAIL(v, "another outcome when cut at %zu", at);
    }
    return &whole;
}

/* A message that is still coming is not complete, wherever it stops, and was not refused. */
static void check_prefixes(const struct vector_file *v, bool response, size_t message) {
    static struct http_run part;
    struct vector_file *copy = malloc(sizeof(*copy));
    assert_non_null(copy);
    *copy = *v;
    for (size_t len = 0; len < message; len += len < 600 || message - len < 600 ? 1 : 97) {
        copy->octet_count = len;
        run(&part, copy, response, len);
        if (part.end != RUN_MORE) FAIL(v, "of %zu octets the first %zu are enough", message, len);
    }
    free(copy);
}

static void check_text(const struct vector_file *v, const char *key, struct str got) {
    struct str want = vector_value(v, key);
    struct vector_file *plain = malloc(sizeof(*plain));
    assert_non_null(plain);
    *plain = (struct vector_file){.line = v->line};
    memcpy(plain->path, v->path, sizeof(plain->path));
    vector_unescape(plain, want);
    if (!str_equal(octets_of(plain), got))
        FAIL(v, "%s is '" STR_FMT "', wanted '" STR_FMT "'", key, STR_ARG(got), STR_ARG(want));
    free(plain);
}

static void check_u64(const struct vector_file *v, const char *key, uint64_t got) {
    uint64_t want = 0;
    struct str text = vector_value(v, key);
    if (text.ptr && !str_to_u64(text, UINT64_MAX, &want)) FAIL(v, "%s is no number", key);
    if (want != got) FAIL(v, "%s is %" PRIu64 ", wanted %" PRIu64, key, got, want);
}

/* "yes" or "no"; a file without the key does not care. */
static void check_yes(const struct vector_file *v, const char *key, bool got) {
    struct str want = vector_value(v, key);
    if (want.ptr && !str_equal(want, got ? STR("yes") : STR("no")))
        FAIL(v, "%s is not " STR_FMT, key, STR_ARG(want));
}

/* The field: lines, if any, are all fields in their order. */
static void check_fields(const struct vector_file *v, const struct header *headers, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < v->key_count; i++) {
        if (!str_equal(v->keys[i], STR("field"))) continue;
        struct str want = v->values[i];
        size_t colon = str_find(want, ':', 0);
        if (at == count || !str_equal(headers[at].name, str_part(want, 0, colon)) ||
            !str_equal(headers[at].value, str_trim(str_part(want, colon + 1, want.len))))
            FAIL(v, "field %zu is not '" STR_FMT "'", at, STR_ARG(want));
        at++;
    }
    if (at > 0 && at != count) FAIL(v, "%zu fields, wanted %zu", count, at);
    check_u64(v, "headers", count);
}

static void check_body(const struct vector_file *v, const struct http_run *out, bool response) {
    bool whole = !str_equal(vector_value(v, "complete"), STR("no"));
    if (out->end != (whole ? RUN_DONE : RUN_MORE)) FAIL(v, "complete: %d", out->end);
    if (!whole) return;
    check_text(v, "decoded", (struct str){out->decoded, out->decoded_len});
    check_text(v, "rest", out->rest);
    check_prefixes(v, response, v->octet_count - out->rest.len);
}

static void accept_request(const struct vector_file *v) {
    static const char *const bodies[] = {"none", "length", "chunked"};
    const struct http_run *out = run_every_cut(v, false);
    if (out->end != RUN_DONE && out->end != RUN_MORE)
        FAIL(v, "refused (%d, %s)", out->end, out->refusal.reason ? out->refusal.reason : "-");
    const struct request_view *view = &out->request;
    check_text(v, "method", view->method_name);
    check_text(v, "target", view->target);
    check_text(v, "path", view->path);
    check_text(v, "query", view->query);
    if ((vector_value(v, "query").ptr != NULL) != (view->query.ptr != NULL)) FAIL(v, "query");
    check_text(v, "authority", view->authority);
    check_text(v, "version", view->minor == 1 ? STR("1.1") : STR("1.0"));
    check_text(v, "body", str_of(bodies[view->body]));
    check_u64(v, "length", view->content_length);
    check_yes(v, "absolute", view->absolute_form);
    check_yes(v, "expect", view->expect_continue);
    check_yes(v, "close", http_wants_close(view));
    check_fields(v, view->headers, view->header_count);
    check_body(v, out, false);
    assert_true(str_equal(method_name(view->method), view->method_name));
}

static void accept_response(const struct vector_file *v) {
    static const char *const bodies[] = {"none", "length", "chunked", "until-close"};
    const struct http_run *out = run_every_cut(v, true);
    if (out->end != RUN_DONE && out->end != RUN_MORE)
        FAIL(v, "refused (%d, %s)", out->end, out->refusal.reason ? out->refusal.reason : "-");
    const struct response_view *view = &out->response;
    check_u64(v, "code", view->status);
    if (vector_value(v, "version").ptr)
        check_text(v, "version", view->minor == 1 ? STR("1.1") : STR("1.0"));
    check_text(v, "body", str_of(bodies[view->body]));
    if (view->body == RESPONSE_LENGTH) check_u64(v, "length", view->content_length);
    check_yes(v, "announced", view->announced_length);
    check_yes(v, "keep-alive", view->keep_alive);
    check_fields(v, view->headers, view->header_count);
    /* Up to the end of the connection every prefix is a body too. */
    if (view->body == RESPONSE_UNTIL_CLOSE)
        check_text(v, "decoded", (struct str){out->decoded, out->decoded_len});
    else
        check_body(v, out, true);
}

static int note_head(llhttp_t *parser) {
    *(bool *)parser->data = true;
    return 0;
}

/* What llhttp alone says of the octets. */
static struct str llhttp_alone(struct str octets, llhttp_type_t type) {
    bool head = false;
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_headers_complete = note_head;
    llhttp_t parser;
    llhttp_init(&parser, type, &settings);
    parser.data = &head;
    llhttp_errno_t error = llhttp_execute(&parser, octets.ptr, octets.len);
    if (error != HPE_OK && error != HPE_PAUSED_UPGRADE) return STR("refuses");
    return head ? STR("accepts") : STR("waits");
}

static void check_llhttp(const struct vector_file *v, llhttp_type_t type) {
    struct str got = llhttp_alone(octets_of(v), type);
    struct str want = vector_value(v, "llhttp-8.1");
    /* To see the column of another version: VECTORS_SHOW_LLHTTP=1 build/plain/unit/... */
    if (getenv("VECTORS_SHOW_LLHTTP")) {
        print_message("@ %s " STR_FMT "\n", v->path, STR_ARG(got));
        return;
    }
    if (str_equal(got, want)) return;
    /* Another llhttp may well differ: the guard stands before it for that reason. */
    print_message("%s: llhttp %d.%d.%d " STR_FMT ", 8.1 " STR_FMT "\n", v->path,
                  LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH, STR_ARG(got),
                  STR_ARG(want));
    if (LLHTTP_VERSION_MAJOR == 8 && LLHTTP_VERSION_MINOR == 1) fail();
}

static void check_refusal(const struct vector_file *v, const struct http_run *out) {
    struct str by = vector_value(v, "refused-by");
    struct str got = out->end == RUN_BAD_HEAD    ? STR("guard")
                     : out->end == RUN_DISAGREED ? STR("llhttp")
                     : out->end == RUN_BAD_BODY  ? STR("body")
                                                 : STR("nobody");
    if (!str_equal(by, got))
        FAIL(v, "refused by " STR_FMT " (%s)", STR_ARG(got),
             out->refusal.reason ? out->refusal.reason : "-");
    if (out->end != RUN_BAD_HEAD) return;
    check_u64(v, "status", out->refusal.status);
    check_text(v, "reason", str_of(out->refusal.reason));
}

static void reject_request(const struct vector_file *v) {
    check_refusal(v, run_every_cut(v, false));
    check_llhttp(v, HTTP_REQUEST);
}

static void reject_response(const struct vector_file *v) {
    check_refusal(v, run_every_cut(v, true));
    check_llhttp(v, HTTP_RESPONSE);
}

static void test_requests_refused(void **state) {
    (void)state;
    assert_true(vector_each(VECTORS "http_reject", reject_request) > 150);
}

static void test_requests_accepted(void **state) {
    (void)state;
    assert_true(vector_each(VECTORS "http_accept", accept_request) > 50);
}

static void test_responses_refused(void **state) {
    (void)state;
    assert_true(vector_each(VECTORS "http_response_reject", reject_response) > 40);
}

static void test_responses_accepted(void **state) {
    (void)state;
    assert_true(vector_each(VECTORS "http_response_accept", accept_response) > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_refused),
        cmocka_unit_test(test_requests_accepted),
        cmocka_unit_test(test_responses_refused),
        cmocka_unit_test(test_responses_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
