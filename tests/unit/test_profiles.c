/* Every profile of policy/profiles/ as the gate loads it, asked every question of its table by host
 * name and by path, as `phonegate check --expect` does it. A profile without a table fails. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/cmd/expect.h"

#define PROFILES "policy/profiles"

static void find_table(const char *profile, char *path, size_t size) {
    static const char *const places[] = {"tests/vectors/policy", "tests/vectors"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        (void)snprintf(path, size, "%s/%s.txt", places[i], profile);
        if (access(path, R_OK) == 0) return;
    }
    fail_msg("tests/vectors/policy/%s.txt: every shipped profile has its table", profile);
}

/* Does the table ask this profile, and not by mistake another one? */
static void names_its_profile(const char *path, const char *profile) {
    char line[256], own[256];
    bool named = false;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    (void)snprintf(own, sizeof(own), "phone 101 %s\n", profile);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "phone ", 6) != 0) continue;
        if (strcmp(line, own) != 0) fail_msg("%s: %s instead of %s", path, line, own);
        named = true;
    }
    (void)fclose(file);
    assert_true(named);
}

/* The least a table may say: each page and each trick, for a person of either role. */
static size_t rows_wanted(const char *profile) {
    return strcmp(profile, "snom") == 0 ? 300 : 120;
}

static void check_table(const char *profile) {
    char path[512];
    const struct expect_job job = {.profiles_dir = PROFILES};
    struct expect_result result = {0};
    find_table(profile, path, sizeof(path));
    names_its_profile(path, profile);
    expect_run(&job, path, &result);
    if (result.broken) fail_msg("%s cannot be judged", path);
    if (result.failed > 0) fail_msg("%s: %zu rows do not hold", path, result.failed);
    if (result.held < rows_wanted(profile)) fail_msg("%s: %zu rows are few", path, result.held);
}

static int is_profile(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".cfg") == 0;
}

static void U01_to_U08_R16_R17_the_tables_of_all_profiles(void **state) {
    (void)state;
    struct dirent **entries;
    int count = scandir(PROFILES, &entries, is_profile, alphasort);
    assert_true(count >= 11);
    for (int i = 0; i < count; i++) {
        *strrchr(entries[i]->d_name, '.') = '\0';
        check_table(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U01_to_U08_R16_R17_the_tables_of_all_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
