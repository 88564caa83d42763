/* Heads of messages: one spelling, and nothing that could be read as more than was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/http/http_write.h"

#define CHECK_TEXT(out, text) assert_true(str_equal(outbuf_str(out), STR(text)))

static void test_a_request_begins_in_one_spelling(void **state) {
    char memory[256];
    struct outbuf out;
    (void)state;
    outbuf_init(&out, memory, sizeof(memory));
    assert_true(http_write_request(&out, STR("GET"), STR("/a?b"), STR("192.0.2.1:8"), true));
    http_write_length(&out, 12);
    http_write_end(&out);
    CHECK_TEXT(&out, "GET /a?b HTTP/1.1\r\nHost: 192.0.2.1:8\r\nConnection: keep-alive\r\n"
                     "Content-Length: 12\r\n\r\n");
    outbuf_init(&out, memory, sizeof(memory));
    assert_true(http_write_request(&out, STR("GET"), STR("/"), STR("h"), false));
    CHECK_TEXT(&out, "GET / HTTP/1.1\r\nHost: h\r\n");
}

static void test_H19_nothing_is_written_that_could_end_a_word_or_line(void **state) {
    static const struct str bad[] = {{"", 0},     {"a b", 3},  {"a\r\nX: y", 7},
                                     {"a\n", 2},  {"a\tb", 3}, {"a\0b", 3},
                                     {"\x7f", 1}, {"a\r", 2},  {"/\xc3\xa4", 3}};
    char memory[256];
    struct outbuf out;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        outbuf_init(&out, memory, sizeof(memory));
        assert_false(http_write_request(&out, bad[i], STR("/"), STR("h"), true));
        assert_false(http_write_request(&out, STR("GET"), bad[i], STR("h"), true));
        assert_false(http_write_request(&out, STR("GET"), STR("/"), bad[i], true));
        assert_int_equal(out.len, 0);
    }
}

static struct response_view view_of(unsigned status, enum response_body body, uint64_t length,
                                    bool announced) {
    return (struct response_view){
        .status = status, .body = body, .content_length = length, .announced_length = announced};
}

static void test_H26_H27_how_answers_are_framed(void **state) {
    static const struct {
        unsigned status, minor;
        enum response_body body;
        uint64_t length;
        bool announced, head;
        enum answer_framing framing;
        const char *text;
    } rows[] = {
        {200, 1, RESPONSE_LENGTH, 5, true, false, FRAMING_LENGTH, "Content-Length: 5\r\n"},
        {200, 0, RESPONSE_LENGTH, 5, true, false, FRAMING_LENGTH, "Content-Length: 5\r\n"},
        {200, 1, RESPONSE_CHUNKED, 0, false, false, FRAMING_CHUNKED,
         "Transfer-Encoding: chunked\r\n"},
        {200, 1, RESPONSE_UNTIL_CLOSE, 0, false, false, FRAMING_CHUNKED,
         "Transfer-Encoding: chunked\r\n"},
        {200, 0, RESPONSE_CHUNKED, 0, false, false, FRAMING_CLOSE, ""},
        {200, 0, RESPONSE_UNTIL_CLOSE, 0, false, false, FRAMING_CLOSE, ""},
        {200, 1, RESPONSE_NONE, 0, true, false, FRAMING_NONE, "Content-Length: 0\r\n"},
        {200, 1, RESPONSE_NONE, 0, false, false, FRAMING_NONE, "Content-Length: 0\r\n"},
        {200, 1, RESPONSE_NONE, 9, true, true, FRAMING_NONE, "Content-Length: 9\r\n"},
        {200, 1, RESPONSE_NONE, 0, false, true, FRAMING_NONE, ""},
        {204, 1, RESPONSE_NONE, 9, true, false, FRAMING_NONE, ""},
        {304, 1, RESPONSE_NONE, 9, true, false, FRAMING_NONE, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char memory[128];
        struct outbuf out;
        struct response_view view =
            view_of(rows[i].status, rows[i].body, rows[i].length, rows[i].announced);
        outbuf_init(&out, memory, sizeof(memory));
        enum answer_framing framing = http_choose_framing(&view, rows[i].minor);
        http_write_framing(&out, framing, &view, rows[i].head);
        assert_int_equal(framing, rows[i].framing);
        assert_true(str_equal(outbuf_str(&out), str_of(rows[i].text)));
    }
}

static void test_a_status_line(void **state) {
    char memory[64];
    struct outbuf out;
    (void)state;
    outbuf_init(&out, memory, sizeof(memory));
    http_write_status(&out, 404, STR("Not Found"));
    CHECK_TEXT(&out, "HTTP/1.1 404 Not Found\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_begins_in_one_spelling),
        cmocka_unit_test(test_H19_nothing_is_written_that_could_end_a_word_or_line),
        cmocka_unit_test(test_H26_H27_how_answers_are_framed),
        cmocka_unit_test(test_a_status_line),
    };
    return cmocka_run_group_tests_name("http_write", tests, NULL, NULL);
}
