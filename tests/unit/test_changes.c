/* What the record of an allowed change lists: names, each once, and no value that nobody allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/access/changes.h"
#include "policy/base/outbuf.h"

static const struct str harmless[] = {{"l", 1}};
static const struct profile profile = {.harmless_values = harmless, .harmless_value_count = 1};
static const struct rule any = {.allow = true, .params = RULE_PARAMS_ANY};

static struct changes find(const struct rule *rule, const char *type, const char *text,
                           enum rules_body body, struct arena *arena) {
    struct params params = {0};
    struct changes changes;
    if (type == NULL)
        assert_int_equal(params_add_urlencoded(&params, str_of(text), arena), PARAMS_OK);
    else
        assert_int_equal(params_add_body(&params, str_of(type), str_of(text), arena), PARAMS_OK);
    const struct rules_question question = {.params = &params, .body = body};
    assert_true(changes_find(&profile, rule, &question, arena, &changes));
    return changes;
}

static void expect(const char *type, const char *text, const char *want) {
    char memory[4096];
    struct arena arena;
    struct outbuf out;
    arena_init(&arena, 1 << 20);
    outbuf_init(&out, memory, sizeof(memory));
    struct changes c =
        find(&any, type, text, type == NULL ? RULES_BODY_NONE : RULES_BODY_SEEN, &arena);
    for (size_t i = 0; i < c.count; i++) {
        if (i > 0) outbuf_char(&out, ',');
        outbuf_put(&out, c.names[i]);
    }
    for (size_t i = 0; i < c.value_count; i++) {
        outbuf_char(&out, ' ');
        outbuf_put(&out, c.values[i]);
    }
    if (c.more) outbuf_put(&out, STR(" more"));
    if (!str_equal(outbuf_str(&out), str_of(want)))
        fail_msg("%s: " STR_FMT " instead of %s", text, STR_ARG(outbuf_str(&out)), want);
    arena_release(&arena);
}

static void names_and_no_values(void **state) {
    (void)state;
    static const char form[] = "application/x-www-form-urlencoded", lines[] = "text/plain";
    static const char parts[] = "multipart/form-data; boundary=b";
    expect(NULL, "settings=save&fkey3=secret&FKEY3=other&http_pass=hunter2",
           "settings,fkey3,http_pass");
    expect(form, "fkey3=a&http_pass=b", "fkey3,http_pass");
    expect(lines, "fkey3$: a\r\nhttp_pass!:b\r\n", "fkey3,http_pass");
    expect(parts, "--b\r\nContent-Disposition: form-data; name=\"fkey3\"\r\n\r\nhunter2\r\n--b--",
           "fkey3");
    /* Pieces of values are no names: it is only said that there is more. */
    expect(NULL, "http_pass=a%26hunter2", "http_pass more");
    expect(NULL, "http_pass=a;hunter2", "http_pass more");
    expect(NULL, "key=1;2;3;4", "key more");
    expect(lines, "fkey3: a\r\nhunter2\r\n", "fkey3 more");
    /* ... but for those of the profile's. */
    expect(NULL, "l=2&x=3", "l,x l=2");
    expect(NULL, "l=1&L=2&l=1", "l l=1 L=2");
    expect(NULL, "l=%00", "l");
    expect(NULL, "l", "l");
}

static void only_what_can_change_something(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct rule listed = {.allow = true, .params = RULE_PARAMS_LISTED};
    assert_false(find(&listed, NULL, "l=1", RULES_BODY_NONE, &arena).possible);
    listed.changes = true;
    assert_true(find(&listed, NULL, "l=1", RULES_BODY_NONE, &arena).possible);
    assert_false(find(&any, NULL, "", RULES_BODY_NONE, &arena).possible);
    struct changes c = find(&any, NULL, "", RULES_BODY_UNSEEN, &arena);
    assert_true(c.possible && c.unseen && c.count == 0);
    assert_true(find(&any, NULL, "a", RULES_BODY_UNREADABLE, &arena).unseen);
    assert_false(find(&any, NULL, "a", RULES_BODY_SEEN, &arena).unseen);
    arena_release(&arena);
}

static void as_many_and_as_long_as_a_record_takes(void **state) {
    (void)state;
    char text[1024];
    struct arena arena;
    struct outbuf out;
    arena_init(&arena, 1 << 20);
    for (unsigned count = CHANGES_MAX - 1; count <= CHANGES_MAX + 1; count++) {
        outbuf_init(&out, text, sizeof(text) - 1);
        for (unsigned i = 0; i < count; i++) {
            outbuf_put(&out, STR("&n"));
            outbuf_u64(&out, i);
        }
        text[out.len] = '\0';
        struct changes c = find(&any, NULL, text, RULES_BODY_NONE, &arena);
        assert_int_equal(c.count, count < CHANGES_MAX ? count : CHANGES_MAX);
        assert_int_equal(c.more, count > CHANGES_MAX);
    }
    memset(text, 'x', CHANGES_TEXT_MAX + 1);
    text[CHANGES_TEXT_MAX + 1] = '\0';
    assert_int_equal(find(&any, NULL, text, RULES_BODY_NONE, &arena).names[0].len,
                     CHANGES_TEXT_MAX);
    memcpy(text, "l=", 2);
    struct changes c = find(&any, NULL, text, RULES_BODY_NONE, &arena);
    assert_true(c.values[0].len <= CHANGES_TEXT_MAX + 2);
    arena_release(&arena);
}

static void a_full_arena_is_told(void **state) {
    (void)state;
    struct arena arena, none;
    struct params params = {0};
    struct changes changes;
    arena_init(&arena, 4096);
    arena_init(&none, 64);
    assert_int_equal(params_add_urlencoded(&params, STR("a=1"), &arena), PARAMS_OK);
    const struct rules_question question = {.params = &params};
    assert_false(changes_find(&profile, &any, &question, &none, &changes));
    arena_release(&none);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_no_values),
        cmocka_unit_test(only_what_can_change_something),
        cmocka_unit_test(as_many_and_as_long_as_a_record_takes),
        cmocka_unit_test(a_full_arena_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
