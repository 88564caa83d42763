#include "policy/harden/dump.h"

#include "policy/base/outbuf.h"
#include "tests/unit/access_vectors.h"

/* "name[idx] flag value", "-" for an empty one. */
static void put_entry(struct outbuf *out, const struct dump_entry *entry) {
    static const char *const flags[] = {"?", "R", "RW", "!"};
    if (out->len > 0) outbuf_put(out, STR(", "));
    outbuf_put(out, entry->name);
    if (entry->idx > 0) {
        outbuf_char(out, '[');
        outbuf_u64(out, entry->idx);
        outbuf_char(out, ']');
    }
    outbuf_char(out, ' ');
    outbuf_put(out, str_of(flags[entry->perm]));
    if (entry->unclear) outbuf_char(out, 'u');
    outbuf_char(out, ' ');
    outbuf_put(out, entry->value.len > 0 ? entry->value : STR("-"));
}

static void dumps_are_read_as_the_table_says(void **state) {
    (void)state;
    struct vectors v;
    struct arena arena;
    size_t rows = 0;
    arena_init(&arena, DUMP_ARENA);
    vectors_open(&v, "dump.txt");
    for (; vectors_next(&v); rows++) {
        struct dump dump;
        struct outbuf out;
        char text[4096];
        if (v.count != 3) fail_msg("%s:%u: %zu columns", v.name, v.line, v.count);
        enum dump_verdict verdict = dump_read(v.column[1], &arena, &dump);
        outbuf_init(&out, text, sizeof(text));
        if (verdict != DUMP_OK) outbuf_put(&out, str_of(dump_verdict_str(verdict)));
        assert_true(verdict == DUMP_OK || dump.count == 0);
        for (size_t i = 0; i < dump.count; i++) {
            put_entry(&out, &dump.entries[i]);
            if (dump.entries[i].idx > 0) continue;
            assert_ptr_equal(dump_find(&dump, dump.entries[i].name), &dump.entries[i]);
        }
        vectors_expect(&v, outbuf_str(&out), v.column[2]);
        assert_null(dump_find(&dump, STR("no_such_setting")));
        arena_reset(&arena);
    }
    assert_true(rows > 40);
    arena_release(&arena);
}

static struct str many_lines(size_t count) {
    static char text[DUMP_ENTRIES_MAX * 16];
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "s%zu!: 1\n", i);
    return (struct str){text, len > 0 ? len - 1 : 0}; /* no line end behind the last */
}

static void more_settings_than_the_limit_are_refused(void **state) {
    (void)state;
    struct arena arena;
    struct dump dump;
    arena_init(&arena, DUMP_ARENA);
    assert_int_equal(dump_read(many_lines(DUMP_ENTRIES_MAX), &arena, &dump), DUMP_OK);
    assert_int_equal(dump.count, DUMP_ENTRIES_MAX);
    arena_reset(&arena);
    assert_int_equal(dump_read(many_lines(DUMP_ENTRIES_MAX + 1), &arena, &dump), DUMP_TOO_BIG);
    assert_int_equal(dump.count, 0);
    arena_release(&arena);
}

static void a_text_longer_than_the_limit_is_not_read(void **state) {
    (void)state;
    static char text[DUMP_BYTES_MAX + 1];
    struct arena arena;
    struct dump dump;
    arena_init(&arena, DUMP_ARENA);
    memset(text, 'x', sizeof(text));
    memcpy(text, "a!: ", 4);
    assert_int_equal(dump_read((struct str){text, DUMP_BYTES_MAX}, &arena, &dump), DUMP_OK);
    arena_reset(&arena);
    assert_int_equal(dump_read((struct str){text, sizeof(text)}, &arena, &dump), DUMP_TOO_BIG);
    arena_release(&arena);
}

static void without_memory_nothing_is_known(void **state) {
    (void)state;
    struct arena arena;
    struct dump dump;
    arena_init(&arena, 16);
    assert_int_equal(dump_read(STR("a!: 1\nb!: 2"), &arena, &dump), DUMP_NO_MEMORY);
    assert_int_equal(dump.count, 0);
    arena_release(&arena);
    arena_init(&arena, 2 * sizeof(struct dump_entry) + 16);
    assert_int_equal(
        dump_read(STR("<pre>a!: 1234567890123456789012345678901234 &amp;</pre>"), &arena, &dump),
        DUMP_NO_MEMORY);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dumps_are_read_as_the_table_says),
        cmocka_unit_test(more_settings_than_the_limit_are_refused),
        cmocka_unit_test(a_text_longer_than_the_limit_is_not_read),
        cmocka_unit_test(without_memory_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
