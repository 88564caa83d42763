/* New passwords: long enough, and nothing that a program guesses soon. */
#include "proxy/cmd/strength.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct str hosts[] = {{"gate.example.com", 16}, {"reception-desk.example.com", 26}};
static const struct strength_context ctx = {.user = {"carol.smith", 11},
                                            .realm = {"phones.example.com", 18},
                                            .hosts = hosts,
                                            .host_count = 2};

static const char *problem_of(const char *password) {
    static char memory[512]; /* for the words of the message */
    return strength_problem(str_of(password), &ctx, memory, sizeof(memory));
}

static void weak_ones(void **state) {
    (void)state;
    static const char *const rows[] = {
        "short",
        "k8Gf2mQz7",                                        /* random, but nine */
        "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc", /* six characters of two octets */
        "aaaaaaaaaaaaaaaa",
        "1234567890123",
        "qwertyuiop12",
        "Password123!",
        "Tr0ub4dour3",
        "abcdefghijkl",
        "carol.smith",
        "carol.smith1",
        "Carolsmith!!",
        "phones.example.com",
        "phonesexample1",
        "reception-desk",
        "phonegate2026",
        "2026-11-23-2026",
        "hunter2hunter2",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (problem_of(rows[i]) == NULL) fail_msg("%s passes", rows[i]);
}

static void good_ones(void **state) {
    (void)state;
    static const char *const rows[] = {
        "k8Gf2mQz7x",
        "correcthorsebatterystaple",
        "violet kettle drum sparrow",
        "1769868612071905", /* the worst of some thousand random hex texts of 16 digits */
        "p\xc3\xa4ssw\xc3\xb6rd-\xc3\xbcnlocked",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *problem = problem_of(rows[i]);
        if (problem != NULL) fail_msg("%s: %s", rows[i], problem);
    }
}

static void long_ones_take_no_time(void **state) {
    (void)state;
    char text[4096];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_non_null(problem_of(text));
    for (size_t i = 0; i < sizeof(text) - 1; i++) text[i] = (char)('!' + (i * i * 7919 + i) % 90);
    assert_null(problem_of(text));
}

static void the_reason_is_told(void **state) {
    (void)state;
    assert_string_equal(problem_of("k8Gf2mQz7"), "it has fewer than 10 characters");
    assert_string_equal(problem_of("CAROL.SMITH"), "it is the user's name");
    assert_non_null(strstr(problem_of("Password123!"), "10^2 guesses"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weak_ones),
        cmocka_unit_test(good_ones),
        cmocka_unit_test(long_ones_take_no_time),
        cmocka_unit_test(the_reason_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
