/* V17: which names and passwords an account may be made with, and the form they are kept in (RFC
 * 8264, RFC 8265), row by row from tests/vectors/precis.txt. */
#include "proxy/cmd/precis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

/* A cell with \u{HEX} as the characters they stand for. */
static struct str characters(struct str cell, char out[512]) {
    size_t len = 0;
    for (size_t i = 0; i < cell.len; i++) {
        if (!str_starts_with(str_part(cell, i, 3), STR("\\u{"))) {
            out[len++] = cell.ptr[i];
            continue;
        }
        unsigned code = 0;
        for (i += 3; cell.ptr[i] != '}'; i++)
            code = code * 16 + (unsigned)ascii_hex_value(cell.ptr[i]);
        if (code < 0x80) {
            out[len++] = (char)code;
        } else if (code < 0x800) {
            out[len++] = (char)(0xc0 | code >> 6);
            out[len++] = (char)(0x80 | (code & 63));
        } else if (code < 0x10000) {
            out[len++] = (char)(0xe0 | code >> 12);
            out[len++] = (char)(0x80 | (code >> 6 & 63));
            out[len++] = (char)(0x80 | (code & 63));
        } else {
            out[len++] = (char)(0xf0 | code >> 18);
            out[len++] = (char)(0x80 | (code >> 12 & 63));
            out[len++] = (char)(0x80 | (code >> 6 & 63));
            out[len++] = (char)(0x80 | (code & 63));
        }
    }
    return (struct str){out, len};
}

static void check_row(struct str kind, struct str given_cell, struct str want_cell) {
    char given_text[512], want_text[512], error[160] = "";
    struct str given = characters(given_cell, given_text);
    struct str want = str_equal(want_cell, STR("=")) ? given : characters(want_cell, want_text);
    bool is_name = str_equal(kind, STR("name"));
    assert_true(is_name || str_equal(kind, STR("password")));
    struct textfile got;
    bool good = is_name ? precis_username(given, &got, error, sizeof(error))
                        : precis_password(given, &got, error, sizeof(error));
    if (good != !str_equal(want_cell, STR("refused")))
        fail_msg(STR_FMT " " STR_FMT ": %s", STR_ARG(kind), STR_ARG(given_cell),
                 good ? "taken" : error);
    if (good && !str_equal((struct str){got.text, got.len}, want))
        fail_msg(STR_FMT " " STR_FMT ": became %s", STR_ARG(kind), STR_ARG(given_cell), got.text);
    if (!good) assert_string_not_equal(error, "");
    if (good && is_name) {
        /* What was made once stays as it is. */
        struct textfile again;
        struct str first = {got.text, got.len};
        assert_true(precis_username(first, &again, error, sizeof(error)));
        assert_true(str_equal(first, (struct str){again.text, again.len}));
        assert_true(precis_same_name(given, first));
        assert_true(precis_is_spelled_right(first));
        assert_int_equal(precis_is_spelled_right(given), str_equal(given, first));
        textfile_free(&again);
    }
    textfile_free(&got);
}

static void V17_rows(void **state) {
    (void)state;
    char line[512];
    unsigned rows = 0;
    FILE *file = fopen("tests/vectors/precis.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#') continue;
        struct str rest = str_of(line);
        struct str cells[3];
        for (size_t i = 0; i < 3; i++) {
            assert_true(str_split(&rest, '|', &cells[i]));
            cells[i] = str_trim(cells[i]);
        }
        check_row(cells[0], cells[1], cells[2]);
        rows++;
    }
    assert_int_equal(fclose(file), 0);
    assert_true(rows > 60);
}

static void V17_not_utf8_and_nothing(void **state) {
    (void)state;
    static const struct str bad[] = {{"", 0}, {NULL, 0}, {"caf\xe9", 4}, {"\xed\xa0\x80", 3}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct textfile out;
        char error[160] = "";
        assert_false(precis_username(bad[i], &out, error, sizeof(error)));
        assert_null(out.text);
        assert_non_null(strstr(error, "UTF-8"));
        assert_false(precis_password(bad[i], &out, error, sizeof(error)));
        assert_null(out.text);
    }
    assert_false(precis_is_spelled_right(STR("caf\xe9")));
}

static void V17_one_name_in_two_spellings(void **state) {
    (void)state;
    assert_true(precis_same_name(STR("Zo\xc3\xab"), STR("Zoe\xcc\x88")));
    assert_true(precis_same_name(STR("alice"), STR("\xef\xbd\x81lice")));
    assert_true(precis_same_name(STR("alice"), STR("alice")));
    assert_true(precis_same_name(STR("caf\xe9"), STR("caf\xe9")));
    assert_false(precis_same_name(STR("alice"), STR("Alice")));
    assert_false(precis_same_name(STR("Zo\xc3\xab"), STR("Zoe")));
    assert_false(precis_same_name(STR("caf\xe9"), STR("cafe")));
    assert_false(precis_is_spelled_right(STR("Zoe\xcc\x88")));
    assert_true(precis_is_spelled_right(STR("Zo\xc3\xab")));
}

/* A character of a password is nobody's to read. */
static void V17_the_words_for_a_bad_character(void **state) {
    (void)state;
    struct textfile out;
    char error[160] = "";
    assert_false(precis_username(STR("a\xe2\x98\x83"), &out, error, sizeof(error)));
    assert_string_equal(error, "U+2603 cannot stand in a name: it is no letter, digit or visible "
                               "ASCII character");
    assert_false(precis_password(STR("secret\xc2\x85"), &out, error, sizeof(error)));
    assert_string_equal(
        error, "a character of the password is a control character or not allowed anywhere");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(V17_rows),
        cmocka_unit_test(V17_not_utf8_and_nothing),
        cmocka_unit_test(V17_one_name_in_two_spellings),
        cmocka_unit_test(V17_the_words_for_a_bad_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
