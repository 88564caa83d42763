#include <stdlib.h>
#include <time.h>

#include "policy/access/urlpath.h"
#include "tests/unit/access_vectors.h"

static void check_canonical(const struct vectors *v, struct arena *arena) {
    struct urlpath path, again;
    enum urlpath_verdict verdict = urlpath_canonical(v->column[1], arena, &path);
    if (verdict != URLPATH_OK) {
        vectors_expect(v, str_of(urlpath_verdict_str(verdict)), v->column[2]);
        assert_null(path.decoded.ptr);
        return;
    }
    vectors_expect(v, path.encoded, v->column[2]);
    /* What is sent reads as what was judged, and has no other spelling. */
    assert_int_equal(urlpath_canonical(path.encoded, arena, &again), URLPATH_OK);
    vectors_expect(v, again.encoded, path.encoded);
    vectors_expect(v, again.decoded, path.decoded);
}

static void U01_to_U04_paths_have_one_spelling_or_none(void **state) {
    (void)state;
    struct vectors v;
    struct arena arena;
    size_t rows = 0;
    arena_init(&arena, 65536);
    vectors_open(&v, "urlpath.txt");
    for (; vectors_next(&v); rows++) {
        assert_int_equal(v.count, 3);
        check_canonical(&v, &arena);
        arena_reset(&arena);
    }
    assert_true(rows > 80);
    arena_release(&arena);
}

static void U03_every_octet_is_itself_or_refused(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (unsigned c = 0; c < 256; c++) {
        char raw[16];
        struct urlpath path;
        int len = snprintf(raw, sizeof(raw), "/a%%%02x", c);
        enum urlpath_verdict verdict =
            urlpath_canonical((struct str){raw, (size_t)len}, &arena, &path);
        bool refused = c < 0x20 || c >= 0x7f || strchr("/\\?#;", (int)c) != NULL;
        assert_int_equal(verdict, refused ? URLPATH_AMBIGUOUS : URLPATH_OK);
        if (verdict != URLPATH_OK) continue;
        assert_int_equal(path.decoded.len, 3);
        assert_int_equal((unsigned char)path.decoded.ptr[2], c);
    }
    arena_release(&arena);
}

static void a_full_arena_refuses(void **state) {
    (void)state;
    struct arena arena;
    struct urlpath path;
    arena_init(&arena, 16);
    assert_int_equal(urlpath_canonical(STR("/a/rather/long/path"), &arena, &path),
                     URLPATH_NO_MEMORY);
    assert_null(path.encoded.ptr);
    assert_int_equal(urlpath_canonical(STR("/a"), &arena, &path), URLPATH_OK);
    assert_null(urlpath_target(&arena, STR_NONE, STR("/abcdefgh"), STR("abcdefgh")).ptr);
    arena_release(&arena);
}

static void U07_patterns_cover_what_the_table_says(void **state) {
    (void)state;
    struct vectors v;
    vectors_open(&v, "urlpath_patterns.txt");
    while (vectors_next(&v)) {
        assert_int_equal(v.count, 5);
        bool plain = urlpath_matches(v.column[1], v.column[2], false);
        bool folded = urlpath_matches(v.column[1], v.column[2], true);
        vectors_expect(&v, plain ? STR("yes") : STR("no"), v.column[3]);
        vectors_expect(&v, folded ? STR("yes") : STR("no"), v.column[4]);
    }
}

/* A matcher that tries every star anew would need longer than the age of the world. */
static void patterns_do_not_blow_up(void **state) {
    (void)state;
    static char text[8192], pattern[128];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i++) pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 1] = 'b';
    clock_t start = clock();
    assert_false(urlpath_matches((struct str){pattern, sizeof(pattern)},
                                 (struct str){text, sizeof(text)}, true));
    assert_true(clock() - start < CLOCKS_PER_SEC / 2);
}

static void a_target_is_path_and_query_as_they_came(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    struct str t = urlpath_target(&arena, STR_NONE, STR("/a"), STR_NONE);
    assert_true(str_equal(t, STR("/a")));
    t = urlpath_target(&arena, STR_NONE, STR("/a"), STR(""));
    assert_true(str_equal(t, STR("/a?")));
    t = urlpath_target(&arena, STR_NONE, STR("/a"), STR("b=%2f?c;d"));
    assert_true(str_equal(t, STR("/a?b=%2f?c;d")));
    t = urlpath_target(&arena, STR("/phone/101"), STR("/a"), STR("b"));
    assert_true(str_equal(t, STR("/phone/101/a?b")));
    t = urlpath_target(&arena, STR("/phone/"), STR("101"), STR_NONE);
    assert_true(str_equal(t, STR("/phone/101")));
    arena_release(&arena);
}

static void U04_a_query_that_could_end_a_line_or_target_is_not_clean(void **state) {
    (void)state;
    assert_true(urlpath_query_is_clean(STR_NONE));
    assert_true(urlpath_query_is_clean(STR("a=%00&b=c;d?e/f\"<>\\^`{|}~")));
    assert_false(urlpath_query_is_clean(STR("a#b")));
    assert_false(urlpath_query_is_clean(STR("a b")));
    assert_false(urlpath_query_is_clean(STR("a\r\nX: y")));
    assert_false(urlpath_query_is_clean(STR("a\x7f")));
    assert_false(urlpath_query_is_clean(STR("a\xc3\xa9")));
    assert_false(urlpath_query_is_clean((struct str){"a\0b", 3}));
}

static void verdicts_have_names(void **state) {
    (void)state;
    assert_string_equal(urlpath_verdict_str(URLPATH_OK), "ok");
    assert_string_equal(urlpath_verdict_str(URLPATH_NO_MEMORY), "no_memory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U01_to_U04_paths_have_one_spelling_or_none),
        cmocka_unit_test(U03_every_octet_is_itself_or_refused),
        cmocka_unit_test(a_full_arena_refuses),
        cmocka_unit_test(U07_patterns_cover_what_the_table_says),
        cmocka_unit_test(patterns_do_not_blow_up),
        cmocka_unit_test(a_target_is_path_and_query_as_they_came),
        cmocka_unit_test(U04_a_query_that_could_end_a_line_or_target_is_not_clean),
        cmocka_unit_test(verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
