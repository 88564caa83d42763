/* Memory of one request: capped, aligned, given back at once. */
#include "policy/base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

static void pieces_are_apart_and_aligned(void **state) {
    (void)state;
    struct arena a;
    unsigned char *pieces[200];
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t size = i * 37 % 3000;
        pieces[i] = arena_alloc(&a, size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)i, size);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t size = i * 37 % 3000;
        for (size_t k = 0; k < size; k++) assert_int_equal(pieces[i][k], (unsigned char)i);
    }
    arena_release(&a);
}

static void the_cap_holds_and_a_reset_gives_back(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1000);
    assert_null(arena_alloc(&a, 1001));
    assert_null(arena_alloc(&a, SIZE_MAX));
    for (int round = 0; round < 3; round++) {
        size_t got = 0;
        while (arena_alloc(&a, 100) != NULL) got += 100;
        assert_in_range(got, 800, 1000);
        assert_null(arena_alloc(&a, 100));
        assert_true(a.used <= a.cap);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_release(&a);
    arena_release(&a);
    assert_non_null(arena_alloc(&a, 10));
    arena_release(&a);
}

static void large_pieces_do_not_stay(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(arena_alloc(&a, 100000), 1, 100000);
    arena_reset(&a);
    assert_null(a.blocks);
    for (int i = 0; i < 10; i++) memset(arena_alloc(&a, 2000), i, 2000);
    arena_reset(&a);
    assert_non_null(a.blocks);
    assert_null(a.blocks == NULL ? NULL : *(void **)a.blocks); /* one block: no next */
    arena_release(&a);
}

static void copies_end_with_nul(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 64);
    struct str copy = arena_copy(&a, STR("abc"));
    assert_true(str_equal(copy, STR("abc")));
    assert_int_equal(copy.ptr[3], '\0');
    copy = arena_copy(&a, STR_NONE);
    assert_non_null(copy.ptr);
    assert_int_equal(copy.len, 0);
    assert_int_equal(copy.ptr[0], '\0');
    char large[100] = {0};
    assert_null(arena_copy(&a, (struct str){large, sizeof(large)}).ptr);
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_apart_and_aligned),
        cmocka_unit_test(the_cap_holds_and_a_reset_gives_back),
        cmocka_unit_test(large_pieces_do_not_stay),
        cmocka_unit_test(copies_end_with_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
