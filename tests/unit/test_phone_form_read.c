/* One value in a page or in JSON of a kind, as phones write them. */
#include "policy/auth/phone_form_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

static void assert_text(struct str got, const char *want) {
    if (str_equal(got, str_of(want))) return;
    fail_msg("got \"" STR_FMT "\", wanted \"%s\"", STR_ARG(got), want);
}

/* ---- values ---- */

static void values_of_pages(void **state) {
    (void)state;
    static const struct {
        const char *page, *value; /* NULL: absent; "?": ambiguous */
    } rows[] = {
        {"<input type=\"hidden\" name=\"nonce\" value=\"0a1B\">", "0a1B"},
        {"<INPUT VALUE='x' NAME='nonce' />", "x"},
        {"<input name=nonce value=abc>", "abc"},
        {"<input\nname = \"nonce\"\tvalue\n=\n\"x\">", "x"},
        {"<input/name=\"nonce\"/value=\"x\"/>", "x"},
        {"<input name=\"nonce\" value=\"\">", ""},
        {"<input name=\"nonce\">", ""},
        {"<input name=\"nonce\" value=\"a>b\">", "a>b"},
        {"<input name=\"nonce\" value=\"x", "x"},
        {"<input name=\"nonce\" value=\"x\"><input name=\"nonce\" value=\"x\">", "x"},
        {"<input name=\"nonce\" value=\"x\"><input name=\"nonce\" value=\"y\">", "?"},
        {"<input name=\"nonce\" value=\"x\" value=\"y\">", "x"},
        {"<input name=\"other\" value=\"y\"><input name=\"nonce\" value=\"x\">", "x"},
        {"<input name=\"NONCE\" value=\"x\">", NULL},
        {"<inputs name=\"nonce\" value=\"x\">", NULL},
        {"<meta name=\"nonce\" value=\"x\">", NULL},
        {"<input id=\"nonce\" value=\"x\">", NULL},
        {"<input value=\"name='nonce'\">", NULL},
        {"<input = = = name=\"nonce\" value=\"x\">", "x"},
        {"<", NULL},
        {"<input", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str value = STR_NONE;
        enum phone_form_found found =
            phone_form_read_field(str_of(rows[i].page), STR("nonce"), &value);
        const char *want = rows[i].value;
        if (want == NULL) {
            if (found != PHONE_FORM_ABSENT) fail_msg("%s", rows[i].page);
        } else if (strcmp(want, "?") == 0) {
            if (found != PHONE_FORM_AMBIGUOUS) fail_msg("%s", rows[i].page);
        } else {
            if (found != PHONE_FORM_FOUND) fail_msg("%s", rows[i].page);
            assert_text(value, want);
        }
    }
}

static void values_of_json_that_is_not_quite_json(void **state) {
    (void)state;
    static const struct {
        const char *text, *value; /* NULL: absent; "?": ambiguous */
    } rows[] = {
        {"{\"response\":\"success\",\"body\":{\"sid\":\"a1\"}}", "a1"},
        {"{ 'sid' : 'a1', }", "a1"},
        {"#!/bin/sh\r\nContent-Type: application/json\r\n\r\n{\"sid\":\"a1\"}", "a1"},
        {"\"sid\":17", "17"},
        {"\"sid\"\n:\n\"a1\"", "a1"},
        {"\"sid\":\"a1\",\"sid\":\"a1\"", "a1"},
        {"\"sid\":\"a1\",\"sid\":\"b2\"", "?"},
        {"\"sid\":\"a\\\"1\"", "a\\"}, /* holds a backslash: not plain, so never used */
        {"\"sid\":\"", NULL},
        {"\"sid\":{}", NULL},
        {"\"sid\":null", "null"},
        {"\"sid\"", NULL},
        {"\"sid", NULL},
        {"sid:\"a1\"", NULL},
        {"\"SID\":\"a1\"", NULL},
        {"\"psid\":\"a1\"", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str value = STR_NONE;
        enum phone_form_found found =
            phone_form_read_json(str_of(rows[i].text), STR("sid"), &value);
        const char *want = rows[i].value;
        if (want == NULL) {
            if (found != PHONE_FORM_ABSENT) fail_msg("%s", rows[i].text);
        } else if (strcmp(want, "?") == 0) {
            if (found != PHONE_FORM_AMBIGUOUS) fail_msg("%s", rows[i].text);
        } else {
            if (found != PHONE_FORM_FOUND) fail_msg("%s", rows[i].text);
            assert_text(value, want);
        }
    }
}

static void only_plain_values_are_used(void **state) {
    (void)state;
    static const char *const odd[] = {"",  "a b", "a;b",      "a\r", "a\"",
                                      "<", "a\\", "\xc3\xa4", "{x}"};
    assert_true(phone_form_value_is_plain(STR("aZ09-._~+/="), 11));
    assert_false(phone_form_value_is_plain(STR("aZ09-._~+/="), 10));
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        if (phone_form_value_is_plain(str_of(odd[i]), 100)) fail_msg("%s", odd[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_pages),
        cmocka_unit_test(values_of_json_that_is_not_quite_json),
        cmocka_unit_test(only_plain_values_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
