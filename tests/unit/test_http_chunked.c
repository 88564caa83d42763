/* The chunked coding: what is written is read back, in any pieces; sizes and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http/http_chunked.h"

/* State after `text` in pieces of `step` octets; *taken is how many octets belonged to it. */
static enum chunked_state read_all(struct str text, size_t step, char *out, size_t *out_len,
                                   size_t *taken) {
    struct chunked c;
    chunked_init(&c);
    *out_len = *taken = 0;
    for (size_t at = 0; at < text.len; at += step) {
        struct str in = str_part(text, at, step), data;
        while (in.len > 0 && c.state != CHUNKED_DONE && c.state != CHUNKED_BAD) {
            size_t before = in.len;
            chunked_read(&c, &in, &data);
            assert_true(before > in.len);
            *taken += before - in.len;
            if (data.len > 0) memcpy(out + *out_len, data.ptr, data.len);
            *out_len += data.len;
        }
    }
    return c.state;
}

static void test_H10_written_is_read_back(void **state) {
    (void)state;
    static char data[5000], coded[6000], back[6000];
    for (size_t i = 0; i < sizeof(data); i++) data[i] = (char)(i * 7 + i / 251);
    for (size_t chunk = 1; chunk <= sizeof(data); chunk = chunk * 3 + 1) {
        size_t at = 0;
        for (size_t from = 0; from < sizeof(data) && at + 2 * chunk < sizeof(coded);
             from += chunk) {
            size_t len = sizeof(data) - from < chunk ? sizeof(data) - from : chunk;
            if (at + len + 30 > sizeof(coded)) break;
            at += chunked_write_size(len, coded + at);
            memcpy(coded + at, data + from, len);
            memcpy(coded + at + len, "\r\n", 2);
            at += len + 2;
        }
        memcpy(coded + at, "0\r\n\r\nNEXT", 9);
        for (size_t step = 1; step < 40; step += 3) {
            size_t len, taken;
            struct str text = {coded, at + 9};
            assert_int_equal(read_all(text, step, back, &len, &taken), CHUNKED_DONE);
            assert_int_equal(taken, at + 5);
            assert_memory_equal(back, data, len);
        }
    }
}

static void test_H10_sizes_written(void **state) {
    (void)state;
    static const struct {
        size_t len;
        const char *text;
    } rows[] = {{0, "0\r\n"},       {1, "1\r\n"},         {9, "9\r\n"},
                {10, "a\r\n"},      {15, "f\r\n"},        {16, "10\r\n"},
                {0x1f4, "1f4\r\n"}, {65536, "10000\r\n"}, {SIZE_MAX, "ffffffffffffffff\r\n"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[18];
        struct str got = {out, chunked_write_size(rows[i].len, out)};
        assert_true(str_equal(got, str_of(rows[i].text)));
    }
}

/* The largest size that is read, 15 digits, does not overflow. */
static void test_H10_largest_size(void **state) {
    (void)state;
    struct chunked c;
    chunked_init(&c);
    struct str in = STR("fffffffffffffff\r\nx"), data;
    chunked_read(&c, &in, &data);
    assert_int_equal(data.len, 1);
    assert_int_equal(c.state, CHUNKED_DATA);
    assert_true(c.left == 0xfffffffffffffffu - 1);
}

/* After the end and after an error nothing more is taken. */
static void test_H10_end_and_error_are_final(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum chunked_state state;
    } rows[] = {{"0\r\n\r\n", CHUNKED_DONE}, {"zz", CHUNKED_BAD}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chunked c;
        chunked_init(&c);
        struct str in = str_of(rows[i].text), data;
        while (in.len > 0 && c.state != rows[i].state) chunked_read(&c, &in, &data);
        assert_int_equal(c.state, rows[i].state);
        in = STR("3\r\nabc\r\n");
        chunked_read(&c, &in, &data);
        assert_int_equal(in.len, 8);
        assert_int_equal(data.len, 0);
        assert_int_equal(c.state, rows[i].state);
    }
}

/* Extensions and trailers are bounded over the whole message, not per line. */
static void test_H10_bounds(void **state) {
    (void)state;
    static char text[20000], back[20000];
    size_t len, taken, at = 0;
    for (int i = 0; i < 600; i++) { /* 600 * 7 = 4200 octets behind ';' */
        memcpy(text + at, "1;abcdefg\r\nx\r\n", 14);
        at += 14;
    }
    enum chunked_state end = read_all((struct str){text, at}, at, back, &len, &taken);
    assert_int_equal(end, CHUNKED_BAD);
    at = 3;
    memcpy(text, "0\r\n", 3);
    for (int i = 0; i < 1200; i++) { /* 1200 * 7 = 8400 octets of trailers */
        memcpy(text + at, "a: bcd\r\n", 8);
        at += 8;
    }
    memcpy(text + at, "\r\n", 2);
    assert_int_equal(read_all((struct str){text, at + 2}, 1, back, &len, &taken), CHUNKED_BAD);
    at = 3 + 8 * 1000;
    memcpy(text + at, "\r\n", 2);
    assert_int_equal(read_all((struct str){text, at + 2}, 1, back, &len, &taken), CHUNKED_DONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_H10_written_is_read_back),
        cmocka_unit_test(test_H10_sizes_written),
        cmocka_unit_test(test_H10_largest_size),
        cmocka_unit_test(test_H10_end_and_error_are_final),
        cmocka_unit_test(test_H10_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
