/* The guard beyond the vectors: every octet in every place, limits of any size, connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/http_run.h"
#include <cmocka.h>
#include <stdio.h>

static struct http_run run;

static struct str head_with(char *memory, size_t size, const char *before, unsigned char octet,
                            const char *behind) {
    int len = snprintf(memory, size, "%s%c%s", before, 'X', behind);
    assert_true(len > 0 && (size_t)len < size);
    memory[strlen(before)] = (char)octet;
    return (struct str){memory, (size_t)len};
}

static unsigned status_of(struct str text, const struct http_limits *limits) {
    http_run_request(&run, text, text.len, limits);
    assert_int_not_equal(run.end, RUN_MORE);
    return run.end == RUN_DONE ? 200 : run.end == RUN_DISAGREED ? 499 : run.refusal.status;
}

/* H04, H19: each of the 256 octets, aligned in each way to the scanner's steps of eight. */
static void test_H19_every_octet_in_value(void **state) {
    (void)state;
    static const char pad[] = "0123456789abcdef";
    char memory[128], before[96];
    for (int shift = 0; shift < 16; shift++) {
        snprintf(before, sizeof(before), "GET / HTTP/1.1\r\nHost: a\r\nX: %.*s", shift, pad);
        for (int c = 0; c < 256; c++) {
            bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
            struct str head =
                head_with(memory, sizeof(memory), before, (unsigned char)c, "0123456789\r\n\r\n");
            assert_int_equal(status_of(head, &http_run_limits), good ? 200 : 400);
        }
    }
}

static void test_H05_every_octet_in_name(void **state) {
    (void)state;
    char memory[128];
    for (int c = 0; c < 256; c++) {
        struct str head = head_with(memory, sizeof(memory), "GET / HTTP/1.1\r\nHost: a\r\nX",
                                    (unsigned char)c, "y: b\r\n\r\n");
        bool good = c == ':' || ascii_is_tchar((char)c); /* ':' ends the name */
        assert_int_equal(status_of(head, &http_run_limits), good ? 200 : 400);
    }
}

static void test_H05_every_octet_in_target(void **state) {
    (void)state;
    char memory[128];
    for (int c = 0; c < 256; c++) {
        struct str head = head_with(memory, sizeof(memory), "GET /a", (unsigned char)c,
                                    "41b HTTP/1.1\r\nHost: a\r\n\r\n");
        bool good = c > 0x20 && c < 0x7f && strchr("\"#<>\\^`{}", c) == NULL;
        assert_int_equal(status_of(head, &http_run_limits), good ? 200 : 400);
    }
}

static void test_H05_every_octet_between_name_and_colon(void **state) {
    (void)state;
    char memory[128];
    for (int c = 0; c < 256; c++) {
        struct str head = head_with(memory, sizeof(memory), "GET / HTTP/1.1\r\nHost",
                                    (unsigned char)c, ": a\r\n\r\n");
        /* Another name, so Host is missing; "Host:: a" is a bad Host; all others are no names. */
        assert_int_equal(status_of(head, &http_run_limits), 400);
    }
}

/* A good head under every limit: each verdict changes exactly at its own number, and no cut of the
 * octets changes it. */
static void test_limits_exactly(void **state) {
    (void)state;
    struct str text = STR("GET /0123456789 HTTP/1.1\r\nHost: a\r\nX: b\r\nY: c\r\n\r\n");
    for (size_t bytes = 1; bytes <= text.len + 1; bytes++) {
        struct http_limits limits = {bytes, 3, 11};
        assert_int_equal(status_of(text, &limits), bytes < text.len ? 431 : 200);
    }
    for (size_t fields = 0; fields < 5; fields++) {
        struct http_limits limits = {text.len, fields, 11};
        assert_int_equal(status_of(text, &limits), fields < 3 ? 431 : 200);
    }
    for (size_t target = 0; target < 13; target++) {
        struct http_limits limits = {text.len, 3, target};
        assert_int_equal(status_of(text, &limits), target < 11 ? 414 : 200);
    }
}

/* What is refused for its size is refused alike however it arrives, even where a worse fault
 * follows behind the limit. */
static void test_limits_do_not_depend_on_cuts(void **state) {
    (void)state;
    static const char *const texts[] = {
        "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r",
        "GET /a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb HTTP/1.1\r\n\r\n",
        "GET /a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb HTTP/1.1\r\n\r\n", /* target limit 4, and one more
                                                                    */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "GET /a HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\001",
        "GET /a HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\rA: b\r\n\r\n",
        "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    static struct http_run cut;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct str text = str_of(texts[i]);
        for (size_t bytes = 1; bytes < 80; bytes++) {
            struct http_limits limits = {bytes, bytes % 7, bytes % 13};
            http_run_request(&run, text, text.len, &limits);
            for (size_t at = 0; at < text.len; at++) {
                http_run_request(&cut, text, at, &limits);
                assert_true(http_run_equal(&run, &cut));
            }
        }
    }
}

static bool closes(unsigned minor, const char *first, const char *second) {
    char memory[256];
    int len = snprintf(memory, sizeof(memory), "GET / HTTP/1.%u\r\nHost: a\r\n%s%s%s%s%s%s\r\n",
                       minor, first ? "Connection: " : "", first ? first : "", first ? "\r\n" : "",
                       second ? "Connection: " : "", second ? second : "", second ? "\r\n" : "");
    assert_int_equal(status_of((struct str){memory, (size_t)len}, &http_run_limits), 200);
    return http_wants_close(&run.request);
}

static void test_H14_wants_close(void **state) {
    (void)state;
    static const struct {
        const char *first, *second;
        bool close_1_0, close_1_1;
    } rows[] = {
        {NULL, NULL, true, false},
        {"close", NULL, true, true},
        {"CLOSE", NULL, true, true},
        {"keep-alive", NULL, false, false},
        {"Keep-Alive", NULL, false, false},
        {"keep-alive, close", NULL, true, true},
        {"close, keep-alive", NULL, true, true},
        {"keep-alive", "close", true, true},
        {"close", "keep-alive", true, true},
        {"upgrade", NULL, true, false},
        {"closed", NULL, true, false},
        {"close;x", NULL, true, false},
        {"x,\tclose\t,y", NULL, true, true},
        {",,close", NULL, true, true},
        {"", NULL, true, false},
        {"not-close", "keep-alive", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(closes(0, rows[i].first, rows[i].second), rows[i].close_1_0);
        assert_int_equal(closes(1, rows[i].first, rows[i].second), rows[i].close_1_1);
    }
}

/* H09: 2^63-1 is still a number; the limit on bodies is the connection's. */
static void test_H09_largest_length(void **state) {
    (void)state;
    struct str text =
        STR("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n");
    http_run_request(&run, text, text.len, &http_run_limits);
    assert_int_equal(run.end, RUN_MORE);
    assert_true(run.request.content_length == INT64_MAX);
    assert_int_equal(run.request.body, BODY_LENGTH);
}

/* The slices of a view lie in the head, in order: what is judged is what stood there. */
static void test_view_points_into_the_head(void **state) {
    (void)state;
    struct str text = STR("POST /a?b=c HTTP/1.1\r\nHost: h\r\nX:  v \r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(status_of(text, &http_run_limits), 200);
    const struct request_view *v = &run.request;
    assert_ptr_equal(v->target.ptr, text.ptr + 5);
    assert_ptr_equal(v->path.ptr, text.ptr + 5);
    assert_ptr_equal(v->query.ptr, text.ptr + 8);
    assert_int_equal(v->header_count, 3);
    assert_true(str_equal(v->headers[1].value, STR("v")));
    assert_true(v->headers[1].value.ptr > v->headers[0].value.ptr);
    assert_true(str_equal(request_header(v, STR("x")), STR("v")));
    assert_int_equal(v->body, BODY_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H19_every_octet_in_value),
        cmocka_unit_test(test_H05_every_octet_in_name),
        cmocka_unit_test(test_H05_every_octet_in_target),
        cmocka_unit_test(test_H05_every_octet_between_name_and_colon),
        cmocka_unit_test(test_limits_exactly),
        cmocka_unit_test(test_limits_do_not_depend_on_cuts),
        cmocka_unit_test(test_H14_wants_close),
        cmocka_unit_test(test_H09_largest_length),
        cmocka_unit_test(test_view_points_into_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
