/* The second opinion: a view that differs from the head in any one thing is not believed, and
 * llhttp runs with every lenient flag off (R28). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <llhttp.h>

#include "tests/unit/http_run.h"

static struct http_run run;

static struct request_view *view_of(struct str head) {
    http_run_request(&run, head, head.len, &http_run_limits);
    assert_true(run.end == RUN_DONE || run.end == RUN_MORE);
    assert_true(http_parse_agrees_request(head, &run.request));
    return &run.request;
}

static void test_R28_request_differences(void **state) {
    (void)state;
    struct str head = STR("POST /a?b HTTP/1.1\r\nHost: h\r\nX-Abc: v\r\nContent-Length: 3\r\n\r\n");
    struct request_view *v = view_of(head);
    const struct request_view good = *v;
#define DIFFERS(change)                                                                            \
    do {                                                                                           \
        *v = good;                                                                                 \
        change;                                                                                    \
        assert_false(http_parse_agrees_request(head, v));                                          \
    } while (0)
    DIFFERS(v->method_name = STR("PUT"));
    DIFFERS(v->target.len--);
    DIFFERS(v->target = STR("/a?b")); /* equal octets, but not these */
    DIFFERS(v->minor = 0);
    DIFFERS(v->header_count--);
    DIFFERS(v->body = BODY_NONE);
    DIFFERS(v->body = BODY_CHUNKED);
    DIFFERS(v->content_length = 4);
    DIFFERS(v->headers++; v->header_count--);
    DIFFERS(v->header_count++);
#undef DIFFERS
    struct header *field = &run.headers[1];
    const struct header as_read = *field;
    *v = good;
    field->name.len--;
    assert_false(http_parse_agrees_request(head, v));
    *field = as_read;
    field->value.len = 0;
    assert_false(http_parse_agrees_request(head, v));
    *field = as_read;
    assert_true(http_parse_agrees_request(head, v));
}

static void test_R28_chunked_differs(void **state) {
    (void)state;
    struct str head = STR("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct request_view *v = view_of(head);
    assert_int_equal(v->body, BODY_CHUNKED);
    v->body = BODY_NONE;
    assert_false(http_parse_agrees_request(head, v));
}

/* Only of an answer are the blanks before a colon kept from llhttp (H06). */
static void test_R28_H06_request_shows_every_octet(void **state) {
    (void)state;
    struct str head = STR("GET / HTTP/1.1\r\nHost : h\r\n\r\n");
    struct header host = {str_part(head, 16, 4), str_part(head, 23, 1)};
    assert_true(str_equal(host.name, STR("Host")) && str_equal(host.value, STR("h")));
    struct request_view view = {.method_name = str_part(head, 0, 3),
                                .target = str_part(head, 4, 1),
                                .minor = 1,
                                .headers = &host,
                                .header_count = 1};
    assert_false(http_parse_agrees_request(head, &view));
}

static void test_R28_head_ends_exactly(void **state) {
    (void)state;
    struct str head = STR("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n");
    struct request_view *v = view_of(str_part(head, 0, 27));
    assert_false(http_parse_agrees_request(head, v));
    assert_false(http_parse_agrees_request(str_part(head, 0, 28), v));
    assert_false(http_parse_agrees_request(str_part(head, 0, 26), v));
    assert_false(http_parse_agrees_request(STR_NONE, v));
}

static void test_R28_response_differences(void **state) {
    (void)state;
    struct str head = STR("HTTP/1.1 200 OK\r\nContent-Length : 3\r\nX: v\r\n\r\n");
    http_run_response(&run, head, head.len, false, &http_run_limits);
    assert_int_equal(run.end, RUN_MORE);
    struct response_view *v = &run.response;
    const struct response_view good = *v;
    assert_true(http_parse_agrees_response(head, false, v));
#define DIFFERS(change)                                                                            \
    do {                                                                                           \
        *v = good;                                                                                 \
        change;                                                                                    \
        assert_false(http_parse_agrees_response(head, false, v));                                  \
    } while (0)
    DIFFERS(v->status = 204);
    DIFFERS(v->minor = 0);
    DIFFERS(v->header_count--);
    DIFFERS(v->content_length = 4);
    DIFFERS(v->announced_length = false);
    DIFFERS(v->body = RESPONSE_CHUNKED);
#undef DIFFERS
}

#define HEAD_OF(text)                                                                              \
    { (text), sizeof(text) - 1 }
/* Heads that llhttp takes only when one of its lenient flags is set. */
static const struct lenient_row {
    void (*set)(llhttp_t *parser, int enabled);
    struct str head;
    size_t fields;
} lenient_rows[] = {
    {llhttp_set_lenient_headers, HEAD_OF("GET / HTTP/1.1\r\nHost: h\r\nX: a\001b\r\n\r\n"), 2},
    {llhttp_set_lenient_chunked_length,
     HEAD_OF("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), 2},
    {llhttp_set_lenient_transfer_encoding,
     HEAD_OF("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, x\r\n\r\n"), 1},
};

static bool llhttp_takes(const struct lenient_row *row, int lenient) {
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    row->set(&parser, lenient);
    return llhttp_execute(&parser, row->head.ptr, row->head.len) == HPE_OK;
}

/* A view that says of such a head what a lenient llhttp would: only strictness refuses it. */
static void lenient_view(const struct lenient_row *row, struct header headers[2],
                         struct request_view *view) {
    struct str rest = row->head, line;
    *view = (struct request_view){.minor = 1, .headers = headers, .header_count = row->fields};
    size_t end = str_find(rest, '\r', 0);
    line = str_part(rest, 0, end);
    size_t blank = str_find(line, ' ', 0);
    view->method_name = str_part(line, 0, blank);
    view->target = str_part(line, blank + 1, 1);
    for (size_t i = 0; i < row->fields; i++) {
        rest = str_part(rest, end + 2, rest.len);
        end = str_find(rest, '\r', 0);
        size_t colon = str_find(rest, ':', 0);
        headers[i].name = str_part(rest, 0, colon);
        headers[i].value = str_part(rest, colon + 2, end - colon - 2);
    }
}

static void test_R28_no_lenient_flag(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lenient_rows); i++) {
        const struct lenient_row *row = &lenient_rows[i];
        assert_true(llhttp_takes(row, 1)); /* or the row would show nothing */
        assert_false(llhttp_takes(row, 0));
        struct header headers[2];
        struct request_view view;
        lenient_view(row, headers, &view);
        assert_false(http_parse_agrees_request(row->head, &view));
        view.body = BODY_CHUNKED;
        assert_false(http_parse_agrees_request(row->head, &view));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_R28_request_differences),
        cmocka_unit_test(test_R28_chunked_differs),
        cmocka_unit_test(test_R28_H06_request_shows_every_octet),
        cmocka_unit_test(test_R28_head_ends_exactly),
        cmocka_unit_test(test_R28_response_differences),
        cmocka_unit_test(test_R28_no_lenient_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
