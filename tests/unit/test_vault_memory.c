/* Memory for secrets: left out of core files, apart from everything else, and wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/vault/vault_memory.h"

/* The line "VmFlags:" of the mapping that `at` is in; false where it is in none. */
static bool flags_of(const void *at, char flags[256]) {
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool inside = false, found = false;
    assert_non_null(maps);
    while (!found && fgets(line, sizeof(line), maps) != NULL) {
        char *end;
        uintptr_t from = (uintptr_t)strtoull(line, &end, 16);
        if (*end == '-' && end > line)
            inside = from <= (uintptr_t)at && (uintptr_t)at < strtoull(end + 1, NULL, 16);
        found = inside && strncmp(line, "VmFlags:", 8) == 0;
    }
    if (found) snprintf(flags, 256, "%.255s", line);
    (void)fclose(maps);
    return found;
}

static void secrets_are_not_in_core_files(void **state) {
    (void)state;
    struct vault_memory memory = {NULL};
    char flags[256];
    struct str copy = vault_memory_copy(&memory, STR("secret"));
    assert_true(flags_of(copy.ptr, flags));
    assert_non_null(strstr(flags, " dd")); /* do not dump */
    vault_memory_release(&memory);
    assert_null(memory.blocks);
}

static void pieces_are_apart_and_aligned(void **state) {
    (void)state;
    struct vault_memory memory = {NULL};
    static const size_t sizes[] = {0, 1, 7, 16, 1000, 65536, 3, 200000, 65520, 1};
    char *pieces[ARRAY_LEN(sizes)];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        pieces[i] = vault_memory_take(&memory, sizes[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t at = 0; at < sizes[i]; at++) assert_int_equal(pieces[i][at], 0);
        memset(pieces[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t at = 0; at < sizes[i]; at++) assert_int_equal(pieces[i][at], i + 1);
    vault_memory_release(&memory);
    assert_non_null(vault_memory_take(&memory, 1)); /* it can be used again */
    vault_memory_release(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_not_in_core_files),
        cmocka_unit_test(pieces_are_apart_and_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
