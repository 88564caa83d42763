/* The pins file: lines that are pins, and what adding one makes of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/config/pins.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_N "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
/* 2026-11-23T00:00:00Z, and a window of a week. */
#define NOW    UINT64_C(1795392000)
#define WINDOW UINT64_C(604800)
#define WEEK   " until 2026-11-30T00:00:00Z\n"

static void adding_a_pin(void **state) {
    (void)state;
    static const struct {
        const char *before, *after;
        uint64_t window;
    } rows[] = {
        {"", "101 " HEX_N "\n", WINDOW},
        {"101 " HEX_A, "101 " HEX_A WEEK "101 " HEX_N "\n", WINDOW},
        {"101 " HEX_A "\n", "101 " HEX_N "\n", 0},
        {"# a remark\n\n102 " HEX_A "\nnonsense\n",
         "# a remark\n\n102 " HEX_A "\nnonsense\n101 " HEX_N "\n", WINDOW},
        /* The same again is the one in force, and no second one. */
        {"101 " HEX_N "\n", "101 " HEX_N "\n", WINDOW},
        {"101 " HEX_N WEEK "101 " HEX_A "\n", "101 " HEX_A WEEK "101 " HEX_N "\n", WINDOW},
        /* Ends that are earlier stay, later ones come nearer, those that are over go. */
        {"101 " HEX_A " until 2026-11-24T00:00:00Z\n",
         "101 " HEX_A " until 2026-11-24T00:00:00Z\n101 " HEX_N "\n", WINDOW},
        {"101 " HEX_A " until 2027-11-24T00:00:00Z\n", "101 " HEX_A WEEK "101 " HEX_N "\n", WINDOW},
        {"101 " HEX_A " until 2026-11-23T00:00:00Z\n101 " HEX_B "\n",
         "101 " HEX_B WEEK "101 " HEX_N "\n", WINDOW},
    };
    uint8_t pin[PIN_LEN];
    memset(pin, 0xcc, sizeof(pin));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len;
        char *after = pins_add(str_of(rows[i].before), STR("101"), pin, NOW, rows[i].window, &len);
        if (!str_equal((struct str){after, len}, str_of(rows[i].after)))
            fail_msg("row %zu gives: %.*s", i, (int)len, after);
        free(after);
    }
}

static void lines(void **state) {
    (void)state;
    struct pin_line pin;
    const char *problem;
    assert_true(pins_read_line(STR("101 " HEX_A), &pin, &problem));
    assert_true(str_equal(pin.phone, STR("101")) && pin.until_s == 0 && pin.pin[31] == 0xaa);
    assert_true(
        pins_read_line(STR("  101  " HEX_A "  until  2026-11-23T00:00:00Z \r"), &pin, &problem));
    assert_int_equal(pin.until_s, NOW);
    static const char *const nothing[] = {"", "   ", "# 101", "\r"};
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
        assert_false(pins_read_line(str_of(nothing[i]), &pin, &problem));
        assert_null(problem);
    }
    static const char *const bad[] = {"101",
                                      "101 " HEX_A "aa",
                                      "101 " HEX_A " until",
                                      "101 " HEX_A " until never",
                                      "101 " HEX_A " x",
                                      HEX_A "a " HEX_A};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(pins_read_line(str_of(bad[i]), &pin, &problem));
        assert_non_null(problem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_a_pin),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
