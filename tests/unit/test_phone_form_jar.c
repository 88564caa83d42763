/* The cookies that the gate keeps of a phone (R22). */
#include "policy/auth/phone_form_jar.h"

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

/* ---- the jar ---- */

static void R22_jar_keeps_what_the_phone_sets(void **state) {
    (void)state;
    struct phone_form_jar jar = {.count = 0};
    assert_true(phone_form_jar_put(&jar, STR("a"), STR("1")));
    assert_true(phone_form_jar_put(&jar, STR("session-identity"), STR("x=y,\"z\"")));
    assert_true(phone_form_jar_put(&jar, STR("c"), STR("3")));
    assert_text(phone_form_jar_text(&jar), "a=1; session-identity=x=y,\"z\"; c=3");
    assert_text(phone_form_jar_get(&jar, STR("session-identity")), "x=y,\"z\"");
    assert_text(phone_form_jar_get(&jar, STR("c")), "3");
    assert_null(phone_form_jar_get(&jar, STR("session")).ptr);
    assert_null(phone_form_jar_get(&jar, STR("")).ptr);
    assert_true(phone_form_jar_put(&jar, STR("a"), STR("longer")));
    assert_text(phone_form_jar_text(&jar), "session-identity=x=y,\"z\"; c=3; a=longer");
    assert_true(phone_form_jar_put(&jar, STR("c"), STR("")));
    assert_text(phone_form_jar_text(&jar), "session-identity=x=y,\"z\"; a=longer");
    assert_true(phone_form_jar_put(&jar, STR("a"), STR("")));
    assert_true(phone_form_jar_put(&jar, STR("not there"), STR("")) == false);
    assert_true(phone_form_jar_put(&jar, STR("absent"), STR("")));
    assert_true(phone_form_jar_put(&jar, STR("session-identity"), STR("")));
    assert_int_equal(jar.count, 0);
    assert_int_equal(jar.len, 0);
    for (size_t i = 0; i < sizeof(jar.text); i++) assert_int_equal(jar.text[i], 0); /* wiped */
}

static void jar_refuses_what_cannot_stand_in_a_field(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
    } rows[] = {{"", "1"},         {"a b", "1"},  {"a;b", "1"},    {"a=b", "1"},
                {"a", "1 2"},      {"a", "1;2"},  {"a", "1\r\nX"}, {"a", "\x7f"},
                {"a", "\xc3\xa4"}, {"a", "1\\2"}, {"a\r\nb", "1"}, {"a\"", "1"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct phone_form_jar jar = {.count = 0};
        if (phone_form_jar_put(&jar, str_of(rows[i].name), str_of(rows[i].value)))
            fail_msg("%s=%s was taken", rows[i].name, rows[i].value);
        assert_int_equal(jar.len, 0);
    }
}

static void jar_limits(void **state) {
    (void)state;
    struct phone_form_jar jar = {.count = 0};
    char text[PHONE_FORM_JAR_BYTES + 1];
    memset(text, 'n', sizeof(text));
    struct str name = {text, PHONE_FORM_COOKIE_NAME_BYTES};
    assert_true(phone_form_jar_put(&jar, name, STR("1")));
    name.len++;
    assert_false(phone_form_jar_put(&jar, name, STR("1")));
    for (char c = 'b'; c < 'b' + PHONE_FORM_COOKIES - 1; c++)
        assert_true(phone_form_jar_put(&jar, (struct str){&c, 1}, STR("1")));
    assert_int_equal(jar.count, PHONE_FORM_COOKIES);
    assert_false(phone_form_jar_put(&jar, STR("z"), STR("1")));
    assert_true(phone_form_jar_put(&jar, STR("b"), STR("2"))); /* it takes its own place */
    jar = (struct phone_form_jar){.count = 0};
    assert_false(phone_form_jar_put(&jar, STR("a"), (struct str){text, PHONE_FORM_JAR_BYTES - 1}));
    assert_true(phone_form_jar_put(&jar, STR("a"), (struct str){text, PHONE_FORM_JAR_BYTES - 2}));
    assert_int_equal(jar.len, PHONE_FORM_JAR_BYTES);
    assert_false(phone_form_jar_put(&jar, STR("b"), STR("1")));
    assert_false(phone_form_jar_put(&jar, STR("a"), (struct str){text, PHONE_FORM_JAR_BYTES - 1}));
    assert_int_equal(jar.len, PHONE_FORM_JAR_BYTES); /* what was there stays */
}

static void set_cookie_lines(void **state) {
    (void)state;
    static const struct {
        const char *line, *name, *value; /* name NULL: none */
    } rows[] = {
        {"a=1", "a", "1"},
        {" a = 1 ; Path=/; Domain=192.0.2.1", "a", "1"},
        {"a=1;Max-Age=0", "a", ""},
        {"a=1; max-age=-5; Path=/", "a", ""},
        {"a=1; Max-Age=10", "a", "1"},
        {"a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a", ""},
        {"a=b=c", "a", "b=c"},
        {"a", NULL, NULL},
        {"=1", NULL, NULL},
        {"", NULL, NULL},
        {"; a=1", NULL, NULL},
        {"HttpOnly", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str name, value;
        bool read = phone_form_jar_read(str_of(rows[i].line), &name, &value);
        if (read != (rows[i].name != NULL)) fail_msg("%s", rows[i].line);
        if (!read) continue;
        assert_text(name, rows[i].name);
        assert_text(value, rows[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R22_jar_keeps_what_the_phone_sets),
        cmocka_unit_test(jar_refuses_what_cannot_stand_in_a_field),
        cmocka_unit_test(jar_limits),
        cmocka_unit_test(set_cookie_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
